"""Pictures of several clusterings of the same data beside each other.

IDDC, figures 4, 8 and 9: ``predictions.png`` shows images, truth and the predictions of
each run under its matching, pixels of clusters without a class in cream;
``cluster_sizes.png`` shows live clusters over the training and cluster sizes, of
runs with a ``clusters.json``. A run is a work dir of tools/train.py, of k-means too.

Example::

    python tools/compare_clusterings.py k-means=work_dirs/mobilenetv2_camvid_kmeans \
        IDDC=work_dirs/mobilenetv2_camvid --images 3 20 41 --out work_dirs/compared
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', metavar='NAME=WORK_DIR')
    parser.add_argument(
        '--images',
        nargs='*',
        type=int,
        default=[0, 1, 2, 3],
        help='indices in the test data; none for cluster sizes only',
    )
    parser.add_argument('--out', default='.', help='folder for the pictures')
    args = parser.parse_args(argv)
    wrong = [run for run in args.runs if '=' not in run]
    if wrong:
        parser.error(f'{wrong[0]} is not NAME=WORK_DIR')
    args.runs = dict(run.split('=', 1) for run in args.runs)
    return args


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from torch import Tensor

import mmseg_labelfree  # noqa: F401  (registers the components, mends `mmseg::` bases)
from mmseg_labelfree.utils.checkpoint import load_weights
from mmseg_labelfree.utils.command_line import exit_code, read_file
from mmseg_labelfree.visualization import write_cluster_comparison, write_panels
from mmseg_labelfree.visualization.panels import picture

VOID = 255


def config_of(work_dir: str) -> Config:
    """The config that the training left in its work dir.

    Raises:
        FileNotFoundError: There is none.
    """
    files = sorted(Path(work_dir).glob('*.py'))
    if not files:
        raise FileNotFoundError(f'{work_dir} has no config: has the run started?')
    return read_file(str(files[0]))


def matched(prediction: Tensor, work_dir: str, classes: Sequence[str]) -> np.ndarray:
    """Label map ``(H, W)`` of a cluster map, 255 for clusters without a class."""
    names = json.loads((Path(work_dir) / 'matching.json').read_text())['classes']
    table = [VOID if name is None else classes.index(name) for name in names]
    return np.array(table, np.uint8)[prediction.cpu().numpy()]


@torch.no_grad()
def predictions(work_dir: str, images: Sequence[int]) -> dict[str, Any]:
    """RGB images, truth and matched predictions of one run, and its metainfo."""
    cfg = config_of(work_dir)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(load_weights(work_dir)[0])
    cfg.test_dataloader.num_workers = 0
    cfg.test_dataloader.persistent_workers = False
    dataset = Runner.build_dataloader(cfg.test_dataloader, seed=0).dataset
    found: dict[str, Any] = dict(image=[], truth=[], prediction=[])
    found['metainfo'] = dataset.metainfo
    for index in images:
        sample = dataset[index]
        batch = dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        (result,) = model.test_step(batch)
        truth = result.gt_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        image = sample['inputs'].float()[None]
        image = torch.nn.functional.interpolate(image, truth.shape, mode='area')[0]
        found['image'].append(picture(image.byte()))
        found['truth'].append(truth)
        classes = list(dataset.metainfo['classes'])
        found['prediction'].append(
            matched(result.pred_sem_seg.data[0], work_dir, classes)
        )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Write the pictures."""
    args = parse_args(argv)
    out = Path(args.out)
    if args.images:
        columns: dict[str, list[np.ndarray]] = {}
        for name, work_dir in args.runs.items():
            found = predictions(work_dir, args.images)
            columns = columns or {k: found[k] for k in ('image', 'truth')}
            columns[name] = found['prediction']
        info = found['metainfo']
        write_panels(
            out / 'predictions.png',
            columns,
            palette=info['palette'],
            classes=info['classes'],
        )
    histories = {
        name: json.loads((Path(work_dir) / 'clusters.json').read_text())
        for name, work_dir in args.runs.items()
        if (Path(work_dir) / 'clusters.json').is_file()
    }
    if histories:
        write_cluster_comparison(out / 'cluster_sizes.png', histories)


if __name__ == '__main__':
    sys.exit(exit_code(main))
