"""Time and memory of one training step of each method, as its published config says.

Random images and labels of the published crop, batch of one process; the whole step:
teacher, losses, backward pass, optimizer. Peak memory is all that is on the device.

python tools/benchmarks/published_steps.py --device cuda --dtypes bfloat16 float32
python tools/benchmarks/published_steps.py --only mib --size 64 --batch-size 2
"""

import argparse
import copy
import gc
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--only', nargs='+', help='names begin with one of these')
    parser.add_argument('--dtypes', nargs='+', default=['float32'])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--size', type=int, help='side in place of the published one')
    parser.add_argument('--batch-size', type=int, help='in place of the published one')
    parser.add_argument('--repeat', type=int, default=5, help='timed steps')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules
from step_timing import WARM_UP, seconds

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.teachers import copy_student

ROOT = Path(__file__).resolve().parents[2]
# Config, stage of its protocol, side of the crop in pixels.
STEPS = {
    'mib_voc': ('mib/deeplabv3_r101_voc_15-1', 'step_5', 512),
    'mib_ade': ('mib/deeplabv3_r101_ade20k_100-50', 'step_1', 512),
    'ssul_voc': ('ssul/deeplabv3_r101_voc_15-1', 'step_5', 513),
    'u2pl_voc': ('u2pl/deeplabv3plus_r101_voc-blender_662', None, 513),
    'u2pl_voc_cutmix': ('u2pl/deeplabv3plus_r101_voc-blender_662_cutmix', None, 513),
    'unimatch_voc': ('unimatch/deeplabv3plus_r101_voc-classic_183', None, 321),
    'unimatch_v2_voc': ('unimatch_v2/dpt_dinov2-b_voc-classic_183', None, 518),
    'eums_voc': ('eums/deeplabv3_r50_pascal-5i_fold0', 'eums', 512),
    'strict_voc': ('strict/deeplabv2_r101_voc_15-5', 'round_1', 321),
    'iddc_vits8': ('iddc/vits8_cityscapes27', None, 224),
    'daformer': ('daformer/daformer_mit-b5_gta2cityscapes', None, 512),
    'daformer_u2pl': ('daformer/daformer_mit-b5_gta2cityscapes_u2pl', None, 512),
    'daformer_mic': ('daformer/daformer_mit-b5_gta2cityscapes_mic', None, 512),
    'sepico': ('daformer/daformer_mit-b5_gta2cityscapes_sepico', None, 640),
    'afa_voc': ('afa/mit-b1_voc', None, 512),
    'afa_voc_u2pl': ('afa/mit-b1_voc_u2pl', None, 512),
}


def stage_config(name: str) -> tuple[Config, int]:
    """The config of a training, and the side of its crops."""
    path, stage, side = STEPS[name]
    cfg = Config.fromfile(ROOT / f'configs/{path}.py')
    if stage is not None:
        cfg.work_dir = 'never_written'
        cfg = ProtocolRunner(cfg).stage(stage).cfg
    return cfg, side


def without_weights(cfg: ConfigDict) -> ConfigDict:
    """The same with random weights."""
    for value in cfg.values():
        if isinstance(value, dict):
            without_weights(value)
    for key in ('init_cfg', 'pretrained'):
        if key in cfg:
            cfg[key] = None
    return cfg


def make_model(cfg: Config, device: str) -> Any:
    """The model in training mode, with its teacher or old model beside it."""
    model = revert_sync_batchnorm(MODELS.build(without_weights(cfg.model)))
    if getattr(model, 'feature_distance', None) is not None:
        model.feature_distance.set_encoder(copy.deepcopy(model.backbone).to(device))
    model.to(device).train()
    if hasattr(model, 'set_teacher'):
        model.set_teacher(copy_student(model, getattr(model, 'not_in_teacher', ())))
    return model


def batch_sources(cfg: Config, batch_size: int | None) -> list[str | None]:
    """The source of each image of a batch."""
    loader = cfg.train_dataloader
    counts = loader.get('sampler', {}).get('source_counts')
    if not counts:
        return [None] * (batch_size or loader.batch_size)
    scale = (batch_size or loader.batch_size) / sum(counts.values())
    return [s for s, n in counts.items() for _ in range(max(1, round(n * scale)))]


def make_batch(name: str, side: int, sources: list[str | None]) -> dict:
    """Random images; labels in blocks, of the classes 0 to 18."""
    height = 2 * side if name.startswith('iddc') else side  # two crops an image
    samples = []
    for source in sources:
        blocks = torch.randint(0, 19, (1, 1, 8, 8)).float()
        label = torch.nn.functional.interpolate(blocks, (height, side))[0].long()
        if source in ('unlabeled', 'target'):
            label.fill_(255)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        half = side // 2
        sample.set_metainfo(
            dict(
                img_shape=(height, side),
                source=source,
                image_labels=np.arange(20) < 2,
                box=(0, side, 0, side),
                crop_overlap=((0, 0, half, side), (half, 0, side, side)),
            )
        )
        samples.append(sample)
    images = [torch.randint(0, 256, (3, height, side)).byte() for _ in sources]
    return dict(inputs=images, data_samples=samples)


def make_step(cfg: Config, model: Any, data: dict, dtype: str) -> Callable[[], None]:
    """A function that does one training step."""
    kind = dict(type='OptimWrapper')
    if dtype != 'float32':
        kind = dict(type='AmpOptimWrapper', dtype=dtype)
    wrapper = dict(cfg.optim_wrapper, **kind)
    wrapper.pop('loss_scale', None)
    optimizer = build_optim_wrapper(model, ConfigDict(wrapper))
    for group in optimizer.optimizer.param_groups:
        group['lr'] = 1e-6
    return lambda: model.train_step(copy.copy(data), optimizer)


def milliseconds(step: Callable[[], None], device: str, repeat: int) -> float:
    """Median time of a step."""
    times = [seconds(step, device) for _ in range(WARM_UP + repeat)]
    return 1000 * statistics.median(times[WARM_UP:])


def measure(name: str, dtype: str, args: argparse.Namespace) -> str:
    """One row of the table."""
    torch.manual_seed(0)
    cfg, side = stage_config(name)
    model = make_model(cfg, args.device)
    data = make_batch(name, args.size or side, batch_sources(cfg, args.batch_size))
    if args.device != 'cpu':
        torch.cuda.reset_peak_memory_stats()
    spent = milliseconds(make_step(cfg, model, data, dtype), args.device, args.repeat)
    memory = ''
    if args.device != 'cpu':
        memory = f'{torch.cuda.max_memory_allocated() / 2**30:.1f}'
    cells = [STEPS[name][0], len(data['inputs']), args.size or side, dtype]
    return f'| {" | ".join(map(str, [*cells, round(spent), memory]))} |'


def main() -> None:
    """Print the table."""
    args = parse_args()
    register_all_modules()
    MMLogger.get_instance('steps', log_level='ERROR')  # not each parameter's rate
    # An iteration after every warm-up.
    MessageHub.get_instance('steps')
    hub = MessageHub.get_current_instance()
    hub.update_info_dict(dict(iter=19000, max_iters=40000, epoch=0, max_epochs=1))
    print('| config | images | crop | precision | ms a step | GiB |')
    print('|---|---:|---:|---|---:|---:|')
    for name in STEPS:
        if args.only and not name.startswith(tuple(args.only)):
            continue
        for dtype in args.dtypes:
            print(measure(name, dtype, args), flush=True)
            gc.collect()
            torch.cuda.empty_cache()


if __name__ == '__main__':
    main()
