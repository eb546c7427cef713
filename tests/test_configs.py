"""Every config parses and every model, loss, metric, hook and pipeline in it builds."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import COCOStuffDataset, PascalVOCDataset
from mmseg.registry import (
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    TASK_UTILS,
)

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.datasets import get_task
from mmseg_labelfree.engine.jobs import Job
from mmseg_labelfree.engine.protocols import build_protocol

ROOT = Path(__file__).parent.parent
CONFIGS = sorted(ROOT.glob('configs/[!_]*/*.py'))
SELF_SUPERVISED = sorted(ROOT.glob('configs/*/mocov3_*.py'))  # MMPretrain's scope


@pytest.fixture(scope='session')
def annotations(tmp_path_factory):
    """A data folder with the annotations and vectors that parts open when built."""
    root = tmp_path_factory.mktemp('data')
    points = {'image': [dict(cls=12, x=1, y=2)]}
    for name in (
        'VOCdevkit/VOC2012/whats_the_point/data/pascal2012_trainval_main.json',
        'voc_real/points.json',
    ):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(json.dumps(points))
    (root / 'VOCdevkit/VOC2012/ScribbleSup/xml').mkdir(parents=True)
    (root / 'ade/ADEChallengeData2016/Point_Annotation_Relabeled').mkdir(parents=True)
    (root / 'word_vectors').mkdir()
    rng = np.random.default_rng(0)
    for name, dataset in (('voc12', PascalVOCDataset), ('cocostuff', COCOStuffDataset)):
        own_names = dict(pottedplant='potted_plant', tvmonitor='tv')
        classes = [own_names.get(c, c) for c in dataset.METAINFO['classes']]
        vectors = rng.normal(size=(2, len(classes), 300)).astype('float32')
        np.savez(
            root / f'word_vectors/{name}.npz',
            names=np.array(classes),
            fasttext=vectors[0],
            word2vec=vectors[1],
        )
    return root


@pytest.fixture(autouse=True)
def data_folder(annotations, monkeypatch):
    monkeypatch.setenv('LABELFREE_DATA', str(annotations))


def stages_of(path: Path):
    cfg = Config.fromfile(path)
    cfg.work_dir = 'work_dirs/test'
    return cfg, build_protocol(cfg).stages(cfg)


def inner_datasets(dataset):
    if 'datasets' in dataset:
        return [inner for d in dataset.datasets for inner in inner_datasets(d)]
    return inner_datasets(dataset.dataset) if 'dataset' in dataset else [dataset]


def final_config(path: Path) -> Config:
    """The config itself, or that of a protocol's last training; its jobs build."""
    cfg = Config.fromfile(path)
    if 'protocol' not in cfg:
        return cfg
    _, stages = stages_of(path)
    assert len({stage.name for stage in stages}) == len(stages)
    for stage in stages:
        if stage.is_job:
            assert isinstance(TASK_UTILS.build(stage.cfg.job), Job)
    return [stage for stage in stages if not stage.is_job][-1].cfg


@pytest.mark.parametrize(
    'path',
    [p for p in CONFIGS if p not in SELF_SUPERVISED],
    ids=lambda p: f'{p.parent.name}-{p.stem}',
)
def test_config_parses_and_its_parts_build(path):
    cfg = final_config(path)
    if 'model' not in cfg:
        assert isinstance(TASK_UTILS.build(cfg.job), Job)
        return
    for loss in cfg.model.get('distillation', []):
        MODELS.build(loss)
    if 'decode_head' in cfg.model:
        MODELS.build(dict(cfg.model.decode_head))
    evaluators = cfg.val_evaluator
    for metric in evaluators if isinstance(evaluators, list) else [evaluators]:
        METRICS.build(metric)
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
    assert cfg.optim_wrapper.type in OPTIM_WRAPPERS.module_dict or (
        cfg.optim_wrapper.type == 'OptimWrapper'
    )
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for dataset in inner_datasets(cfg[loader].dataset):
            assert Compose(dataset.pipeline).transforms
            assert dataset.get('test_mode', False) is (loader != 'train_dataloader')
    if 'tta_pipeline' in cfg:
        assert Compose(cfg.tta_pipeline).transforms


@pytest.mark.parametrize('path', SELF_SUPERVISED, ids=lambda p: p.stem)
def test_self_supervised_config_builds(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    assert MODELS.build(cfg.model).backbone.num_layers == 6
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)
    assert cfg.optim_wrapper.type.removeprefix('mmseg.') in OPTIM_WRAPPERS.module_dict
    (dataset,) = inner_datasets(cfg.train_dataloader.dataset)
    assert dataset.type.removeprefix('mmseg.') in DATASETS.module_dict
    assert Compose(dataset.pipeline).transforms


@pytest.mark.parametrize(
    'path',
    [
        p
        for p in CONFIGS
        if p.parent.name == 'mib' and not re.search('points|scribbles|full', p.stem)
    ],
    ids=lambda p: p.stem,
)
def test_class_incremental_stages(path):
    cfg, stages = stages_of(path)
    task = get_task(cfg.protocol.task, cfg.protocol.get('class_order'))
    joint = cfg.protocol.setup == 'joint'
    assert len(stages) == (1 if joint else task.num_steps)
    assert stages[-1].cfg.model.decode_head.num_classes == 1 + len(task.classes)


@pytest.mark.parametrize(
    'name',
    [
        'demo_voc_15-1',
        'deeplabv3_mobilenetv2_vocreal_3-1',
        'deeplabv3_r101_voc_15-1',
        'deeplabv3_x101_cityscapes_11-2',
    ],
)
def test_models_build_whole(name):
    _, stages = stages_of(ROOT / f'configs/mib/{name}.py')
    model = MODELS.build(stages[1].cfg.model)
    assert model.num_classes == model.out_channels
    assert not any(
        'Pretrained' in str(m.init_cfg)
        for m in model.children()
        if hasattr(m, 'init_cfg')
    )


def test_pretrained_weights_only_in_the_first_step():
    _, stages = stages_of(ROOT / 'configs/mib/deeplabv3_r101_voc_15-5.py')
    first, second = (s.cfg.model.backbone.init_cfg for s in stages)
    assert first == dict(type='Pretrained', checkpoint='torchvision://resnet101')
    assert second is None


def test_strengths_of_the_paper():
    def stage(name, index=1):
        return stages_of(ROOT / f'configs/mib/{name}.py')[1][index].cfg

    weights = {
        'deeplabv3_r101_voc_15-1': 100,
        'deeplabv3_r101_voc_15-1_disjoint': 100,
        'deeplabv3_r101_voc_15-5': 10,
        'deeplabv3_r101_voc_19-1': 10,
        'deeplabv3_r101_ade20k_100-10': 10,
        'deeplabv3_x101_cityscapes_11-2': 10,
    }
    for name, weight in weights.items():
        assert stage(name).model.distillation[0].loss_weight == weight
    rates = {
        'deeplabv3_r101_voc_15-5': (0.01, 0.001, 30),
        'deeplabv3_r101_ade20k_100-50': (0.01, 0.001, 60),
        'deeplabv3_x101_cityscapes_vehicles': (0.002, 0.0002, 360),
    }
    for name, (first, later, epochs) in rates.items():
        assert stage(name, 0).optim_wrapper.optimizer.lr == first
        assert stage(name, 1).optim_wrapper.optimizer.lr == later
        assert stage(name, 1).train_cfg.max_epochs == epochs
        assert stage(name, 1).param_scheduler[0].end == epochs


def test_fine_tuning_has_no_part_of_mib():
    for path in ROOT.glob('configs/mib/*_ft.py'):
        later = stages_of(path)[1][1].cfg
        assert later.model.distillation == []
        assert later.model.decode_head.loss_decode == dict(type='CrossEntropyLoss')
        hooks = {h.type: h for h in later.custom_hooks}
        assert hooks['IncrementalClassifierInitHook'].init == 'random'
        assert 'FrozenTeacherHook' not in hooks


BASELINES = {
    'lwf': ['KnowledgeDistillationLoss'],
    'lwf-mc': ['BinaryDistillationLoss'],
    'ilt': ['KnowledgeDistillationLoss', 'FeatureDistillationLoss'],
    'ewc': [],
    'pi': [],
    'rw': [],
}


def test_every_task_of_the_paper_has_every_baseline():
    tasks = [p for p in ROOT.glob('configs/mib/*_ft.py') if '101' in p.name]
    assert len(tasks) == 14
    for path in (*tasks, ROOT / 'configs/mib/demo_voc_15-1_ft.py'):
        for kind in BASELINES:
            assert path.with_name(path.name.replace('_ft.py', f'_{kind}.py')).exists()


@pytest.mark.parametrize('kind', BASELINES)
def test_baselines_are_fine_tuning_and_one_thing_more(kind):
    for task in ('deeplabv3_r101_voc_15-1_disjoint', 'deeplabv3_x101_cityscapes_11-2'):
        fine, later = (
            stages_of(ROOT / f'configs/mib/{task}_{k}.py')[1][1].cfg
            for k in ('ft', kind)
        )
        losses = BASELINES[kind]
        assert [loss.type for loss in later.model.distillation] == losses
        hooks = [h.type for h in later.custom_hooks]
        assert ('FrozenTeacherHook' in hooks) is bool(losses)
        assert ('ParameterImportanceHook' in hooks) is (not losses)
        for key in ('train_dataloader', 'optim_wrapper', 'train_cfg'):
            assert fine[key] == later[key]


def test_weak_supervision_differs_from_full_supervision_in_labels_and_loss():
    for name in (
        'demo_voc_points',
        'fcn_r101_voc_points',
        'fcn_r101_ade20k_points',
        'deeplabv3_mobilenetv2_camvid_points',
        'deeplabv3_mobilenetv2_vocreal_points',
    ):
        path = ROOT / 'configs/mib' / f'{name}.py'
        weak = Config.fromfile(path)
        full = Config.fromfile(path.with_name(f'{name.replace("_points", "_full")}.py'))
        scene = 'ade20k' in name or 'camvid' in name
        assert weak.model.decode_head.loss_decode.background is not scene
        assert full.model.decode_head.loss_decode == dict(type='CrossEntropyLoss')
        assert (
            weak.train_dataloader.dataset.pipeline[-3:]
            == (full.train_dataloader.dataset.pipeline[-3:])
        )
        assert weak.val_dataloader == full.val_dataloader
        assert weak.optim_wrapper == full.optim_wrapper


U2PL = ('deeplabv3_mobilenetv2_vocreal_1-16', 'deeplabv3plus_r101_cityscapes_186')


@pytest.mark.parametrize('name', ['demo_voc_40', *U2PL])
def test_semi_supervised_configs_build_one_upon_the_other(name):
    kinds = dict(
        suponly='EncoderDecoder',
        meanteacher='MeanTeacherEncoderDecoder',
        cutmix='MeanTeacherEncoderDecoder',
    )
    path = ROOT / 'configs/u2pl' / f'{name}.py'
    whole = Config.fromfile(path)
    for kind, model in kinds.items():
        cfg = Config.fromfile(path.with_name(f'{name}_{kind}.py'))
        assert cfg.model.type == model
        assert cfg.model.get('mixing') == ('cutmix' if kind == 'cutmix' else None)
        for key in ('optim_wrapper', 'train_cfg', 'val_dataloader'):
            assert cfg[key] == whole[key]
        sampler = cfg.train_dataloader.sampler
        if kind != 'suponly':
            counts = sampler.source_counts
            assert sum(counts.values()) == cfg.train_dataloader.batch_size
    whole.model.backbone.init_cfg = None
    whole.model.memory_bank.update(length=10, background_length=10)
    model = MODELS.build(whole.model)
    assert model.memory_bank.num_classes == model.num_classes
    features = {'demo_voc_40': 48}.get(name, 64 if 'mobile' in name else 512)
    assert model.representation_head.layers[0].conv.in_channels == features


def test_every_registered_name_is_tested_and_used():
    package = ''.join(p.read_text() for p in ROOT.glob('mmseg_labelfree/**/*.py'))
    names = re.findall(r'register_module\(\)\nclass (\w+)', package)
    assert len(names) > 15
    tests = ''.join(p.read_text() for p in ROOT.glob('tests/**/*.py'))
    readme = (ROOT / 'README.md').read_text()
    for name in names:
        assert name in tests, f'{name} is in no test'
        assert f'`{name}`' in readme, f'README does not mention {name}'
