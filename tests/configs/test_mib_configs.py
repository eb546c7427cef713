"""MiB's configs hold the paper's settings, and baselines differ in one thing."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.datasets import get_task
from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.utils.metafile import read_metafile

ROOT = Path(__file__).parents[2] / 'configs/mib'
WEAK = re.compile('points|scribbles|full')
INCREMENTAL = [p for p in sorted(ROOT.glob('*.py')) if not WEAK.search(p.stem)]
IMPORTANCE = [p for p in INCREMENTAL if re.search('_(ewc|pi|rw)$', p.stem)]


def stages_of(name, **options):
    cfg = Config.fromfile(ROOT / f'{name}.py')
    cfg.merge_from_dict({f'protocol.{k}': v for k, v in options.items()})
    cfg.work_dir = 'work_dirs/test'
    return [stage.cfg for stage in build_protocol(cfg).stages(cfg)]


@pytest.mark.parametrize('setup', ['overlapped', 'joint'])
@pytest.mark.parametrize('path', INCREMENTAL, ids=lambda p: p.stem)
def test_class_incremental_stages(path, setup):
    stages = stages_of(path.stem, setup=setup)
    task = get_task(Config.fromfile(path).protocol.task)
    assert len(stages) == (1 if setup == 'joint' else task.num_steps)
    assert stages[-1].model.decode_head.num_classes == 1 + len(task.classes)


@pytest.mark.parametrize('name', ['demo_voc_15-1', 'deeplabv3_mobilenetv2_vocreal_3-1'])
def test_models_of_later_steps_build_whole(name):
    model = MODELS.build(stages_of(name)[1].model)
    assert model.num_classes == model.out_channels
    assert not any(
        'Pretrained' in str(m.init_cfg)
        for m in model.children()
        if hasattr(m, 'init_cfg')
    )


def test_pretrained_weights_only_in_the_first_step():
    stages = stages_of('deeplabv3_r101_voc_15-5')
    first, second = (cfg.model.backbone.init_cfg for cfg in stages)
    assert first.type == 'Pretrained'
    assert first.checkpoint.endswith('weights/resnet101_mib.pth')
    assert second is None


def test_the_headline_config_is_plain():
    text = (ROOT / 'deeplabv3_r101_voc_15-1.py').read_text()
    assert text.splitlines()[1:] == [
        "_base_ = '../_base_/mib_voc.py'",
        'model = _base_.mib_15_1',
        "protocol = dict(task='voc_15-1')",
    ]


@pytest.mark.parametrize(
    ('name', 'options', 'weight'),
    [
        ('deeplabv3_r101_voc_15-1', {}, 100),
        ('deeplabv3_r101_voc_15-1', dict(setup='disjoint'), 100),
        ('deeplabv3_r101_voc_15-5', {}, 10),
        ('deeplabv3_r101_voc_15-5', dict(task='voc_19-1'), 10),
        ('deeplabv3_r101_ade20k_100-50', dict(task='ade20k_100-10'), 10),
        ('deeplabv3_x101_cityscapes_vehicles', dict(task='cityscapes_11-2'), 10),
    ],
)
def test_strength_of_the_distillation(name, options, weight):
    for cfg in stages_of(name, **options)[1:]:
        assert cfg.model.distillation[0].loss_weight == weight


@pytest.mark.parametrize(
    ('name', 'first', 'later', 'epochs'),
    [
        ('deeplabv3_r101_voc_15-5', 0.01, 0.001, 30),
        ('deeplabv3_r101_ade20k_100-50', 0.01, 0.001, 60),
        ('deeplabv3_x101_cityscapes_vehicles', 0.002, 0.0002, 360),
    ],
)
def test_schedule_of_section_6_2_2(name, first, later, epochs):
    stages = stages_of(name)
    assert [cfg.optim_wrapper.optimizer.lr for cfg in stages] == [first, later]
    for cfg in stages:
        assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].end == epochs


ADE = sorted(path.stem for path in ROOT.glob('deeplabv3_r101_ade20k_100-50*.py'))


@pytest.mark.parametrize('name', ADE)
def test_ade20k_in_the_second_class_order_by_one_option(name):
    for first, second in zip(
        stages_of(name), stages_of(name, task='ade20k_100-50b'), strict=True
    ):
        a, b = (cfg.val_evaluator.groups for cfg in (first, second))
        assert a.keys() == b.keys() and a != b  # averaged over the orders
        assert second.train_dataloader.dataset.task == 'ade20k_100-50b'
        assert first.model == second.model


@pytest.mark.parametrize(
    ('task', 'options', 'counts'),
    [
        ('ade20k_100-50', {}, [13452, 6744]),
        ('ade20k_100-50b', {}, [10375, 9821]),
        ('ade20k_50-50b', dict(image_lists=['0.npy'] * 3), [6659, 7483, 6054]),
        ('ade20k_100-50c', {}, []),
        ('ade20k_100-50', dict(seed=0), []),
    ],
)
def test_known_numbers_of_images_of_ade20k(task, options, counts):
    cfg = Config.fromfile(ROOT / 'deeplabv3_r101_ade20k_100-50.py')
    cfg.protocol.task = task
    cfg.train_dataloader.dataset.update(options)
    known = build_protocol(cfg).known_counts(cfg, 20210)
    assert known.pop('sum') == 20196
    assert list(known.values()) == counts


def test_fine_tuning_has_no_part_of_mib():
    for path in ROOT.glob('*_ft.py'):
        later = stages_of(path.stem)[1]
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


@pytest.mark.parametrize('kind', BASELINES)
def test_baselines_are_fine_tuning_and_one_thing_more(kind):
    fine, later = (stages_of(f'deeplabv3_r101_voc_15-1_{k}')[1] for k in ('ft', kind))
    losses = BASELINES[kind]
    assert [loss.type for loss in later.model.distillation] == losses
    hooks = [h.type for h in later.custom_hooks]
    assert ('FrozenTeacherHook' in hooks) is bool(losses)
    assert ('ParameterImportanceHook' in hooks) is (not losses)
    for key in ('train_dataloader', 'optim_wrapper', 'train_cfg'):
        assert fine[key] == later[key]


@pytest.mark.parametrize('kind, weight', [('ewc', 500), ('pi', 500), ('rw', 100)])
def test_importance_is_the_authors(kind, weight):
    for step, stage in enumerate(stages_of(f'deeplabv3_r101_voc_15-1_{kind}')):
        (hook,) = [h for h in stage.custom_hooks if h.type == 'ParameterImportanceHook']
        assert (hook.importance, hook.weight) == (kind, weight)
        assert hook.variant == 'official'
        assert ('checkpoint' in hook) is (step > 0)


@pytest.mark.parametrize(
    'kind, gpus, weight',
    [('ewc', 2, None), ('ewc', 3, 450), ('pi', 4, 338), ('rw', 6, None), ('rw', 7, 96)],
)
def test_scaled_rates_keep_the_penalty_stable(monkeypatch, kind, gpus, weight):
    """12 images on each GPU: the rate of 24 grows with them, the weight does not."""
    world_size = 'mmseg_labelfree.engine.protocols.penalty_check.get_world_size'
    monkeypatch.setattr(world_size, lambda: gpus)
    cfg = Config.fromfile(ROOT / f'deeplabv3_r101_voc_15-1_{kind}.py')
    cfg.work_dir = 'work_dirs/test'
    protocol = build_protocol(cfg)
    if weight is not None:
        message = f'step_1 with {12 * gpus} images a batch: .* to {weight}.* or less'
        with pytest.raises(ValueError, match=message):
            protocol.check(protocol.stages(cfg))
        cfg.merge_from_dict({'custom_hooks.1.weight': weight})
    protocol.check(protocol.stages(cfg))


@pytest.mark.slow
def test_a_dry_run_refuses_a_penalty_that_diverges(run_tool, tmp_path):
    path = ROOT / 'deeplabv3_r101_voc_15-1_ewc.py'
    options = '--cfg-options', 'custom_hooks.1.weight=5000', f'work_dir={tmp_path}'
    done = run_tool('train.py', str(path), '--dry-run', *options)
    assert done.returncode == 1
    assert 'makes SGD diverge, as 2 x weight 5000' in done.stdout


@pytest.mark.parametrize('path', IMPORTANCE, ids=lambda p: p.stem)
def test_shipped_penalties_are_stable(path):
    cfg = Config.fromfile(path)
    cfg.work_dir = 'work_dirs/test'
    protocol = build_protocol(cfg)
    protocol.check(protocol.stages(cfg))


def test_weak_supervision_differs_from_full_supervision_in_labels_and_loss():
    for name in (
        'demo_voc_points',
        'fcn_r101_voc_points',
        'fcn_r101_ade20k_points',
        'deeplabv3_mobilenetv2_camvid_points',
        'deeplabv3_mobilenetv2_vocreal_points',
    ):
        path = ROOT / f'{name}.py'
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


def test_figures_of_scribbles_are_of_five_scales():
    entries = read_metafile(ROOT / 'metafile.yaml')
    found = [(e, r) for e in entries for r in e.results if r.table == 'Table 6']
    assert sorted(r.test for _, r in found) == 3 * ['--tta'] + 3 * ['--tta --crf']
    for entry, _ in found:
        cfg = Config.fromfile(ROOT.parents[1] / entry.config)
        assert cfg.tta_model.type == 'MaxVotingTTAModel'
        scales = [t.scale_factor for t in cfg.tta_pipeline[1].transforms[0]]
        assert scales == [0.5, 0.75, 1.0, 1.25, 1.5]  # section 6.3.2


def test_the_authors_network_and_mmsegs_a_few_words_away():
    cfg = Config.fromfile(ROOT / 'deeplabv3_r101_voc_15-1.py')
    with torch.device('meta'):
        ours = MODELS.build(cfg.model)
        cfg.merge_from_dict(
            {
                'model.backbone.type': 'ResNet',
                'model.backbone.init_cfg.checkpoint': 'torchvision://resnet101',
                'model.decode_head.type': 'ASPPHead',
            }
        )
        stock = MODELS.build(cfg.model)
    blocks = [getattr(ours.backbone, f'layer{i}') for i in (1, 2, 3, 4)]
    strides = [[block.conv2.stride[0] for block in stage] for stage in blocks]
    assert strides == [[1] * 3, [2] + [1] * 3, [2] + [1] * 22, [1] * 3]
    assert [block.conv2.dilation[0] for block in blocks[3]] == [2, 2, 2]
    kernels = [(b.kernel_size[0], b.dilation[0]) for b in ours.decode_head.branches]
    assert kernels == [(1, 1), (3, 6), (3, 12), (3, 18)]
    found, expected = (m.backbone.state_dict().keys() for m in (ours, stock))
    assert found == expected
    assert not any(isinstance(m, nn.LeakyReLU) for m in stock.backbone.modules())


def test_windows_of_the_crops_size_on_whole_street_scenes():
    sides = {
        name: stages_of(name)[1].model.decode_head.get('pool_size')
        for name in ('deeplabv3_x101_cityscapes_vehicles', 'deeplabv3_r101_voc_15-5')
    }
    assert [*sides.values()] == [512 // 16, None]


@pytest.mark.parametrize('kind', ['img-lvl', 'img-lvl_pce'])
def test_image_labels_are_those_of_the_whole_image(kind):
    cfg = Config.fromfile(ROOT / f'fcn_r101_voc_points_{kind}.py')
    assert cfg.model.type == 'StripedEncoderDecoder'
    assert 'image_classes' in cfg.train_dataloader.dataset.pipeline[-1].meta_keys
