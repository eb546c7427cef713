"""Every config parses and every model, loss, metric, hook and pipeline in it builds."""

import re
from pathlib import Path

import pytest
from mmcv.transforms import Compose
from mmengine.config import Config
from mmseg.registry import HOOKS, METRICS, MODELS, OPTIM_WRAPPERS

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.datasets import get_task
from mmseg_labelfree.engine.protocols import build_protocol

ROOT = Path(__file__).parent.parent
CONFIGS = sorted(ROOT.glob('configs/[!_]*/*.py'))


def stages_of(path: Path):
    cfg = Config.fromfile(path)
    cfg.work_dir = 'work_dirs/test'
    return cfg, build_protocol(cfg).stages(cfg)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_config_parses_and_its_parts_build(path):
    cfg, stages = stages_of(path)
    task = get_task(cfg.protocol.task, cfg.protocol.get('class_order'))
    assert len(stages) == (1 if cfg.protocol.setup == 'joint' else task.num_steps)
    last = stages[-1].cfg
    assert last.model.decode_head.num_classes == 1 + len(task.classes)
    for loss in last.model.get('distillation', []):
        MODELS.build(loss)
    MODELS.build(dict(last.model.decode_head))
    METRICS.build(last.val_evaluator)
    for hook in last.custom_hooks:
        HOOKS.build(hook)
    assert last.optim_wrapper.type in OPTIM_WRAPPERS.module_dict or (
        last.optim_wrapper.type == 'OptimWrapper'
    )
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        assert Compose(last[loader].dataset.dataset.pipeline).transforms
        training = loader == 'train_dataloader'
        assert last[loader].dataset.dataset.get('test_mode', False) is not training


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
    assert not any('Pretrained' in str(m.init_cfg) for m in model.children()
                   if hasattr(m, 'init_cfg'))


def test_pretrained_weights_only_in_the_first_step():
    _, stages = stages_of(ROOT / 'configs/mib/deeplabv3_r101_voc_15-5.py')
    first, second = (s.cfg.model.backbone.init_cfg for s in stages)
    assert first == dict(type='Pretrained', checkpoint='torchvision://resnet101')
    assert second is None


def test_strengths_of_the_paper():
    def stage(name, index=1):
        return stages_of(ROOT / f'configs/mib/{name}.py')[1][index].cfg

    weights = {
        'deeplabv3_r101_voc_15-1': 100, 'deeplabv3_r101_voc_15-1_disjoint': 100,
        'deeplabv3_r101_voc_15-5': 10, 'deeplabv3_r101_voc_19-1': 10,
        'deeplabv3_r101_ade20k_100-10': 10, 'deeplabv3_x101_cityscapes_11-2': 10,
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


def test_every_registered_name_is_tested_and_used():
    package = ''.join(p.read_text() for p in ROOT.glob('mmseg_labelfree/**/*.py'))
    names = re.findall(r'register_module\(\)\nclass (\w+)', package)
    assert len(names) > 15
    tests = ''.join(p.read_text() for p in ROOT.glob('tests/**/*.py'))
    readme = (ROOT / 'README.md').read_text()
    for name in names:
        assert name in tests, f'{name} is in no test'
        assert f'`{name}`' in readme, f'README does not mention {name}'
