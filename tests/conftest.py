"""Tiny data and a tiny protocol that the tests of several modules share."""

import contextlib
import copy
import functools
import gc
import multiprocessing
import os
import pickle
import runpy
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import settings
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import init_default_scope
from mmengine.visualization import Visualizer
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

import mmseg_labelfree  # noqa: F401

from . import reference_inputs
from .method_settings import UNIMATCH_V2

ROOT = Path(__file__).parent.parent
FORK = multiprocessing.get_context('fork')
SMALL = dict(dpi=60)
os.environ.setdefault('OMP_NUM_THREADS', '1')
torch.set_num_threads(1)
# The same examples in every run; `--hypothesis-profile=default` searches for others.
settings.register_profile('seeded', derandomize=True)
settings.load_profile('seeded')
gc.freeze()  # datasets collect all garbage as they are built: not the frameworks, too

CLASSES = ('background', 'square', 'bar', 'dot', 'frame')
COLORS = ((60, 60, 60), (230, 40, 40), (40, 230, 40), (40, 40, 230), (230, 230, 40))


def pytest_configure(config):
    """Hide the GPUs, but from ``-m cuda``.

    The other tests compare bit by bit, and fork processes, which cannot use CUDA.
    """
    if config.option.markexpr != 'cuda':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''


@pytest.fixture(autouse=True)
def _mmseg_scope():
    init_default_scope('mmseg')


@pytest.fixture(autouse=True, scope='session')
def _own_cache(tmp_path_factory):
    """Class indices of test data do not fill the user's cache."""
    os.environ.setdefault('LABELFREE_CACHE', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture(autouse=True)
def _own_instances():
    """Runs of one name in one second would share folders, logs and their averages."""
    yield
    _forget_instances()


def _forget_instances():
    for shared in (Visualizer, SegLocalVisualizer, MessageHub, MMLogger):
        shared._instance_dict.clear()


@pytest.fixture(scope='session')
def pydensecrf():
    """The compiled CRF, an extra that Python 3.13 lacks: its tests are skipped."""
    return pytest.importorskip('pydensecrf')


@pytest.fixture
def lay_out(monkeypatch):
    """Sets the function that lays out the text of a config for MMEngine."""

    def replace(function):
        monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', function)
        # The original MMEngine imports it with its own module.
        monkeypatch.setattr(
            'mmengine.config.config.FormatCode', function, raising=False
        )

    return replace


@pytest.fixture(autouse=True)
def _plain_dumps(lay_out):
    """Write configs as they are: laying them out takes longer than most trainings."""
    lay_out(lambda text, **_: (text, True))


@pytest.fixture(autouse=True)
def _plain_figures(monkeypatch):
    """Draw figures without laying them out, and small: that takes longest."""
    monkeypatch.setattr(
        'matplotlib.layout_engine.ConstrainedLayoutEngine.execute', lambda *_: None
    )
    draw = Figure.savefig
    monkeypatch.setattr(
        Figure, 'savefig', lambda figure, path, **kw: draw(figure, path, **kw | SMALL)
    )


def _run_tool(tool: Path, arguments: list[str], environment: dict, output: Path):
    """What a process of ``start_tool`` does."""
    sys.stdout = sys.stderr = output.open('w', buffering=1)
    for stream in (1, 2):
        os.dup2(sys.stdout.fileno(), stream)
    os.environ.update(environment)
    _forget_instances()  # a logger of the same name and second writes elsewhere
    sys.argv = [str(tool), *arguments]
    runpy.run_path(str(tool), run_name='__main__')


@pytest.fixture
def start_tool(tmp_path):
    """Start a tool of ``tools/`` as from a command line; gives process and output.

    The process is forked, so that it need not import everything again.
    """

    def start(name, *arguments, **environment) -> tuple:
        output = tmp_path / f'output_{len([*tmp_path.glob("output_*")])}'
        output.touch()
        arguments = [str(argument) for argument in arguments]
        process = FORK.Process(
            target=_run_tool,
            args=(ROOT / 'tools' / name, arguments, environment, output),
        )
        process.start()
        return process, output

    return start


@pytest.fixture
def run_tool(start_tool):
    """Run a tool of ``tools/``; all that it prints is in ``stdout``."""

    def run(name, *arguments) -> subprocess.CompletedProcess:
        process, output = start_tool(name, *arguments)
        process.join()
        return subprocess.CompletedProcess(
            arguments, process.exitcode, output.read_text()
        )

    return run


@pytest.fixture
def tool_in_two_processes(start_tool):
    """Run a tool in two gloo processes; exit code and output of each."""

    def run(name, *arguments) -> list[tuple[int, str]]:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        world = dict(WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        arguments = *arguments, '--launcher', 'pytorch'
        ranks = [
            start_tool(name, *arguments, RANK=k, LOCAL_RANK=k, **world) for k in '01'
        ]
        for process, _ in ranks:
            process.join()
        return [(process.exitcode, output.read_text()) for process, output in ranks]

    return run


@pytest.fixture
def train_in_two_processes(tool_in_two_processes):
    """Run ``tools/train.py`` with a config and a work dir in two gloo processes."""

    def train(path, work_dir) -> None:
        ranks = tool_in_two_processes('train.py', path, '--work-dir', work_dir)
        assert [code for code, _ in ranks] == [0, 0], ''.join(text for _, text in ranks)

    return train


def _connect(rank, processes, store, work, args, results):
    os.environ['LOCAL_RANK'] = str(rank)  # as a launcher does
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=processes
    )
    try:
        found = pickle.dumps(work(*args))
    except Exception as error:
        found = pickle.dumps(error)
    results.send_bytes(found)  # and it ends, with the group, as forks do: at once


@pytest.fixture
def in_processes(tmp_path):
    """Call a function in some gloo processes; gives what it returns or raises in each.

    They are forked, so that they need not import everything again.
    """

    def run(processes, work, *args) -> list:
        store = tmp_path / f'store_{len([*tmp_path.glob("store_*")])}'
        ranks, readers = [], []
        for rank in range(processes):
            reader, writer = FORK.Pipe(duplex=False)
            arguments = rank, processes, store, work, args, writer
            ranks.append(FORK.Process(target=_connect, args=arguments))
            ranks[-1].start()
            readers.append(reader)
            writer.close()  # so that the death of the process ends the pipe
        found = [_received(reader) for reader in readers]
        for process in ranks:
            process.join()
        assert [process.exitcode for process in ranks] == [0] * processes
        return found

    return run


def _received(reader):
    """What a process sends, which may be large: it ends after it is read."""
    with contextlib.suppress(EOFError):
        return pickle.loads(reader.recv_bytes())


@pytest.fixture
def in_two_processes(in_processes):
    """The same with two processes."""
    return functools.partial(in_processes, 2)


def write_split(root: Path, split: str, num_images: int, seed: int) -> None:
    """Images of 32 x 32 with two or three colored boxes, in VOC layout."""
    rng = np.random.default_rng(seed)
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(num_images):
        label = np.zeros((32, 32), np.uint8)
        for value in rng.permutation(4)[: rng.integers(2, 4)] + 1:
            top, left = rng.integers(0, 20, 2)
            label[top : top + 12, left : left + 12] = value
        image = np.asarray(COLORS, np.uint8)[label]
        image = np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype('uint8')
        names.append(f'{split}_{index:03d}')
        Image.fromarray(image).save(root / f'JPEGImages/{names[-1]}.jpg', quality=95)
        Image.fromarray(label).save(root / f'SegmentationClass/{names[-1]}.png')
    lines = '\n'.join(names) + '\n'
    (root / f'ImageSets/Segmentation/{split}.txt').write_text(lines)


@pytest.fixture(scope='session')
def boxes_root(tmp_path_factory) -> Path:
    """A dataset of colored boxes: 24 training and 6 validation images."""
    root = tmp_path_factory.mktemp('boxes')
    write_split(root, 'train', 24, seed=0)
    write_split(root, 'val', 6, seed=1)
    return root


def boxes(root: Path, split: str, pipeline: list, **kwargs) -> dict:
    """Config of one split of the boxes."""
    return dict(
        type='BaseSegDataset',
        metainfo=dict(classes=CLASSES, palette=[list(c) for c in COLORS]),
        data_root=str(root),
        ann_file=f'ImageSets/Segmentation/{split}.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=pipeline,
        serialize_data=False,  # packing collects all garbage first: slow
        **kwargs,
    )


@pytest.fixture
def tiny(boxes_root, tmp_path) -> Config:
    """A stock segmentor on the boxes: 6 iterations of a small ResNet on a CPU."""
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    pack = [dict(type='PackSegInputs')]
    augment = [
        dict(type='RandomCrop', crop_size=(24, 24)),
        dict(type='RandomFlip', prob=0.5),
    ]
    val_dataloader = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=boxes(boxes_root, 'val', load + pack, test_mode=True),
    )
    content = dict(
        default_scope='mmseg',
        custom_imports=dict(imports=['mmseg_labelfree'], allow_failed_imports=False),
        model=dict(
            type='EncoderDecoder',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[100.0] * 3,
                std=[60.0] * 3,
                bgr_to_rgb=True,
                size_divisor=1,
                test_cfg=dict(size_divisor=1),
            ),
            backbone=dict(
                type='ResNetV1c',
                depth=18,
                stem_channels=8,
                base_channels=4,
                strides=(1, 1, 1, 1),
                norm_cfg=dict(type='GN', num_groups=2),
            ),
            decode_head=dict(
                type='FCNHead',
                in_channels=32,
                channels=8,
                num_convs=1,
                dropout_ratio=0.0,
                num_classes=len(CLASSES),
                norm_cfg=dict(type='GN', num_groups=2),
                loss_decode=dict(type='CrossEntropyLoss'),
            ),
            train_cfg=dict(),
            test_cfg=dict(mode='whole'),
        ),
        train_dataloader=dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='SeededInfiniteSampler', shuffle=True),
            dataset=boxes(boxes_root, 'train', load + augment + pack),
        ),
        val_dataloader=val_dataloader,
        test_dataloader=copy.deepcopy(val_dataloader),
        val_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        test_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True),
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=6, val_interval=6),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=6, by_epoch=False)],
        val_cfg=dict(type='ValLoop'),
        test_cfg=dict(type='TestLoop'),
        log_processor=dict(by_epoch=False),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=2, log_metric_by_epoch=False),
            checkpoint=dict(
                type='AtomicCheckpointHook',
                by_epoch=False,
                interval=2,
                max_keep_ckpts=1,
            ),
        ),
        custom_hooks=[dict(type='IterationSeedHook')],
        visualizer=dict(
            type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]
        ),
        randomness=dict(seed=3),
        work_dir=str(tmp_path / 'work'),
    )
    path = tmp_path / 'tiny.py'
    path.write_text(Config(content).pretty_text)
    return Config.fromfile(path)


@pytest.fixture
def incremental(tiny, tmp_path) -> Config:
    """MiB on the boxes, in three steps."""
    task = [['square', 'bar'], ['dot'], ['frame']]
    cfg = copy.deepcopy(tiny)
    cfg.model.type = 'IncrementalEncoderDecoder'
    cfg.model.decode_head.num_classes = 3
    cfg.model.decode_head.loss_decode = dict(
        type='UnbiasedCrossEntropyLoss', num_old_classes=1
    )
    cfg.model.distillation = [
        dict(type='UnbiasedKnowledgeDistillationLoss', loss_weight=10.0)
    ]
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.dataset = dict(
            type='IncrementalDataset',
            task=task,
            step=0,
            cache=False,
            dataset=loader.dataset,
        )
    for name in ('val', 'test'):
        cfg[f'{name}_evaluator'] = dict(type='GroupedIoUMetric', groups={})
    cfg.protocol = dict(
        type='ClassIncrementalProtocol',
        task=task,
        next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.01))),
    )
    path = tmp_path / 'incremental.py'
    path.write_text(cfg.pretty_text)
    return Config.fromfile(path)


@pytest.fixture
def plop(incremental) -> Config:
    """PLOP on the boxes, in three steps."""
    incremental.model.type = 'BackgroundLabelingEncoderDecoder'
    incremental.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    incremental.model.distillation = [dict(type='LocalPODLoss')]
    incremental.custom_hooks.append(dict(type='EntropyThresholdHook'))
    return incremental


@pytest.fixture
def ssul(incremental, boxes_root, tmp_path) -> Config:
    """SSUL on the boxes, in three steps; what is salient is whatever is an object."""
    cfg = incremental
    maps = tmp_path / 'maps'
    maps.mkdir()
    for path in boxes_root.glob('SegmentationClass/train_*.png'):
        objects = np.asarray(Image.open(path)) > 0
        Image.fromarray(200 * objects.astype('uint8')).save(maps / path.name)
    cfg.model.pop('distillation')
    cfg.model.type = 'UnknownClassEncoderDecoder'
    cfg.model.backbone.norm_cfg = dict(type='BN')
    cfg.model.decode_head = dict(
        type='StepBranchHead',
        step_sizes=[2],
        num_classes=3,
        in_channels=32,
        channels=8,
        dilations=(1, 2),
        norm_cfg=dict(type='BN'),
        loss_decode=dict(
            type='IncrementalBCELoss',
            num_old_classes=1,
            variant='paper',
            avg_non_ignore=True,
        ),
    )
    pipeline = cfg.train_dataloader.dataset.dataset.pipeline
    saliency = dict(type='SaliencyFolder', folder=str(maps))
    pipeline.insert(2, dict(type='LabelSalientPixels', saliency=saliency))
    cfg.custom_hooks.append(dict(type='FrozenTeacherHook'))
    cfg.protocol.classifier_init = 'unknown'
    # The rate of the background, which is 1e-4 of it there, is high enough to be seen.
    cfg.protocol.next_steps.optim_wrapper.paramwise_cfg = dict(
        custom_keys=dict(background=dict(lr_mult=0.1))
    )
    return cfg


@pytest.fixture
def semi(tiny) -> Config:
    """CutMix mean teacher on the boxes: 8 labeled and 24 unlabeled images."""
    cfg = copy.deepcopy(tiny)
    cfg.model.type = 'MeanTeacherEncoderDecoder'
    cfg.model.update(mixing='cutmix', mixing_prob=0.5, strong_view={})
    for part in (cfg.model.backbone, cfg.model.decode_head):
        part.pop('norm_cfg')
        part.norm_cfg = dict(type='BN')
    cfg.model.decode_head.dropout_ratio = 0.1
    images = cfg.train_dataloader.dataset
    cfg.train_dataloader.sampler = dict(
        type='MultiSourceSampler', source_counts=dict(labeled=2, unlabeled=2)
    )
    cfg.train_dataloader.dataset = dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='SourceDataset',
                source='labeled',
                dataset=dict(images, indices=8),
            ),
            dict(
                type='SourceDataset',
                source='unlabeled',
                labeled=False,
                dataset=images,
            ),
        ],
    )
    cfg.custom_hooks = [
        dict(type='IterationSeedHook'),
        dict(type='SamplerStateHook'),
        dict(type='EMATeacherHook', momentum=0.7),
    ]
    return cfg


@pytest.fixture
def unimatch_v2(semi) -> Config:
    """UniMatch V2 on the boxes."""
    for name in ('mixing', 'mixing_prob', 'strong_view'):
        semi.model.pop(name)
    semi.model.update(dict(UNIMATCH_V2, threshold=0.3))
    semi.custom_hooks[-1].update(momentum=0.996, buffers='ema')
    return semi


@pytest.fixture
def novel(tiny, boxes_root, tmp_path) -> Config:
    """EUMS on the boxes: frame is novel, saliency maps are the objects' masks."""
    fold = dict(base=['square', 'bar', 'dot'], novel=['frame'])
    cfg = copy.deepcopy(tiny)
    cfg.model.type = 'NovelClassEncoderDecoder'
    cfg.model.update(ramp_up=4, ramp_by_epoch=False)
    for name, subset in (('train', 'base'), ('val', 'val'), ('test', 'val')):
        loader = cfg[f'{name}_dataloader']
        loader.dataset = dict(
            type='NovelClassDataset',
            fold=fold,
            subset=subset,
            cache=False,
            dataset=loader.dataset,
        )
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    cfg.plain_pipeline = [*load, dict(type='PackSegInputs')]
    saliency = tmp_path / 'saliency'
    saliency.mkdir()
    for path in (boxes_root / 'SegmentationClass').glob('train*.png'):
        salient = np.asarray(Image.open(path)) > 0
        Image.fromarray(np.uint8(255) * salient).save(saliency / path.name)
    cfg.protocol = dict(
        type='NovelClassDiscoveryProtocol',
        fold=fold,
        num_clusters=2,
        source_counts=dict(base=2, clean=2, unclean=2),
        reassignment=dict(begin=3, by_epoch=False),
        teacher=dict(type='EMATeacherHook', momentum=0.7),
        clustering=dict(
            type='NovelClusteringJob',
            saliency=dict(type='SaliencyFolder', folder=str(saliency)),
            features=dict(size=(32, 32)),
            min_area=10,
            pca_dim=3,
            panels=0,
            scatter=None,
        ),
    )
    return cfg


@pytest.fixture(scope='session')
def wave():
    """Inputs that anyone can write down: ``scale * sin(...)`` of the indices."""
    return reference_inputs.wave


@pytest.fixture(scope='session')
def formula_weight():
    """Weights by formula, of a tensor's name and shape; float64.

    What the authors' networks compute with them is known, see the tests that use it.
    Without ``mixed`` every filter is one sine wave.
    """

    def formula_weight(name, shape, gain=1.5, mixed=True):
        k = zlib.crc32(name.encode('ascii')) % 1000
        i = np.arange(int(np.prod(shape)), dtype=np.int64)
        if mixed and len(shape) >= 2:
            i = (i * i + 7 * i) % 9973
        last = name.rpartition('.')[2]
        if last == 'running_mean':
            values = 0.05 * np.sin(0.3 * i + 0.01 * k)
        elif last == 'running_var':
            values = 1 + 0.2 * np.sin(0.2 * i + 0.01 * k) ** 2
        elif len(shape) >= 2:
            scale = gain / np.sqrt(np.prod(shape[1:]))
            values = scale * np.sin(0.37 * i + 0.011 * k)
        elif last == 'weight':
            values = 1 + 0.1 * np.sin(0.5 * i + 0.01 * k)
        else:
            values = 0.02 * np.sin(0.37 * i + 0.011 * k)
        return torch.from_numpy(values.reshape(tuple(shape)))

    return formula_weight


@pytest.fixture
def strict(incremental) -> Config:
    """STRICT on the boxes: SPNet and two rounds; frame is unseen."""
    cfg = copy.deepcopy(incremental)
    inner = cfg.model.decode_head.to_dict()
    inner.pop('num_classes')
    inner['loss_decode'] = dict(
        type='UnbiasedCrossEntropyLoss', num_old_classes=1, avg_non_ignore=True
    )
    cfg.model.pop('decode_head')
    cfg.model.pop('distillation')
    # Colors of the boxes: 'frame' is 'square' and 'bar' at once, as in the image.
    vectors = [[1.0, 0, 0, 0.1], [0, 1.0, 0, 0.1], [0, 0, 1.0, 0.1], [1.0, 1.0, 0, 0.1]]
    cfg.model.update(
        type='ZeroLabelEncoderDecoder',
        generator=dict(views='mirror'),
        decode_head=dict(type='SemanticProjectionHead', head=inner, embeddings=vectors),
    )
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.dataset = dict(
            type='ZeroLabelDataset', split='voc_15-5', dataset=loader.dataset.dataset
        )
    for name in ('val', 'test'):
        cfg[f'{name}_dataloader'].dataset.dataset.indices = 3
    cfg.protocol = dict(
        type='SelfTrainingProtocol',
        split=dict(seen=['square', 'bar', 'dot'], unseen=['frame']),
        rounds=2,
        initial_stage=dict(train_cfg=dict(max_iters=4, val_interval=4)),
        next_rounds=dict(optim_wrapper=dict(optimizer=dict(lr=0.02))),
    )
    return cfg


@pytest.fixture
def iddc(tiny) -> Config:
    """IDDC on the boxes: six clusters, with the sizes of all as the metric."""
    cfg = copy.deepcopy(tiny)
    cfg.model.type = 'DiscriminativeClusteringSegmentor'
    cfg.model.decode_head = dict(
        type='ClusteringHead', in_channels=32, num_classes=6, kernel_sizes=()
    )
    cfg.model.pairwise_loss = dict(type='PairwiseAffinityLoss', num_negatives=1)
    cfg.model.balance_loss = dict(type='WeibullBalanceLoss', loss_weight=0.1)
    cfg.train_dataloader.dataset.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='OverlappingCropPair', crop_size=16, max_shift=8),
        dict(
            type='PackSegInputs',
            meta_keys=('img_path', 'ori_shape', 'img_shape', 'crop_overlap'),
        ),
    ]
    cfg.train_dataloader.dataset = dict(
        type='SourceDataset', source='unlabeled', dataset=cfg.train_dataloader.dataset
    )
    for name in ('val', 'test'):
        cfg[f'{name}_evaluator'] = dict(type='ClusteringIoUMetric', num_clusters=6)
    cfg.custom_hooks.append(dict(type='ClusterNamesHook'))
    cfg.custom_hooks.append(dict(type='ClusterMonitorHook', interval=4))
    return cfg


@pytest.fixture
def label_cost(tiny, incremental, tmp_path) -> Config:
    """Full masks, a part of them, and classes in steps, on the boxes."""
    content = dict(
        custom_imports=tiny.custom_imports,
        randomness=dict(seed=5),
        work_dir=str(tmp_path / 'run'),
        protocol=dict(
            type='LabelCostProtocol',
            iterations=6,
            rows=dict(
                full=dict(config=tiny.filename, seconds=240.0, score='mIoU'),
                part=dict(
                    config=tiny.filename,
                    seconds=80.0,
                    score='mIoU',
                    label='1/3 of the masks',
                    settings={'train_dataloader.dataset.indices': 8},
                ),
                steps=dict(
                    config=incremental.filename,
                    seconds=240.0,
                    score='mIoU/all_and_background',
                    others=dict(new='mIoU/new'),
                ),
            ),
        ),
    )
    path = tmp_path / 'boxes.py'
    path.write_text(Config(content).pretty_text)
    return Config.fromfile(path)


@pytest.fixture
def two_stages(tiny):
    """A segmentor that learns what another one says of the boxes."""
    cfg = copy.deepcopy(tiny)
    cfg.train_dataloader.dataset.indices = 8
    pipeline = [dict(t) for t in cfg.train_dataloader.dataset.pipeline]
    pipeline[1] = dict(type='LoadPseudoAnnotations')
    cfg.protocol = dict(
        type='PseudoLabelTrainingProtocol',
        job=dict(threshold=0.3),
        labeler=dict(optim_wrapper=dict(optimizer=dict(lr=0.02))),
        segmentor=dict(
            model=dict(decode_head=dict(channels=4)),
            train_dataloader=dict(dataset=dict(pipeline=pipeline)),
        ),
    )
    return cfg


@pytest.fixture
def pretraining(boxes_root, tmp_path):
    """Own-data clustering of the boxes, tiny; no mask is named."""
    cfg = Config.fromfile(ROOT / 'configs/own_data/clustering.py')
    images = cfg.train_dataloader.dataset.dataset
    images.data_root = str(boxes_root)
    images.data_prefix = dict(img_path='JPEGImages')
    images.pipeline[2] = dict(type='ResizeShortestEdge', scale=48, max_size=100)
    images.pipeline[3].update(crop_size=32, max_shift=8)
    cfg.train_dataloader.batch_size = 4
    cfg.train_cfg.max_iters = 2
    cfg.protocol.settings = {
        'train_cfg.max_iters': 2,
        'train_dataloader.batch_size': 4,
        'default_hooks.checkpoint.interval': 2,
    }
    cfg.work_dir = str(tmp_path / 'run')
    return cfg
