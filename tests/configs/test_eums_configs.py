"""EUMS's rows: what each leaves out of the method, and that a fold holds everywhere."""

from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmseg.registry import MODELS as NETWORKS

from mmseg_labelfree.engine.protocols import build_protocol

ROOT = Path(__file__).parents[2]
METAFILE = yaml.safe_load((ROOT / 'configs/eums/metafile.yaml').read_text())
MODELS = {m['Name']: m for m in METAFILE['Models']}
# Last stage, clusters a novel class, and hooks of the last stage.
TEACHER, REASSIGNMENT = 'EMATeacherHook', 'DynamicReassignmentHook'
ROWS = {
    '_basic': ('basic', 1, set()),
    ' (over-clustering)': ('basic', 2, set()),
    ' (ranking)': ('eums', 2, set()),
    ' (reassignment)': ('eums', 2, {REASSIGNMENT}),
    ' (self-training)': ('eums', 2, {TEACHER}),
    '': ('eums', 2, {TEACHER, REASSIGNMENT}),
}


def stages_of(name):
    cfg = Config.fromfile(ROOT / MODELS[name]['Config'])
    cfg.merge_from_dict(MODELS[name].get('Options', {}))
    cfg.work_dir = 'work_dirs/test'
    protocol = build_protocol(cfg)
    return protocol, protocol.stages(cfg)


@pytest.mark.parametrize('row', ROWS)
@pytest.mark.parametrize(
    'data',
    [
        'deeplabv3_r50_pascal-5i_fold0',
        'demo_voc_fold0',
        'deeplabv3_mobilenetv2_vocreal',
    ],
)
def test_rows_of_table_2_leave_parts_out(data, row):
    protocol, stages = stages_of(data + row)
    last, clusters, hooks = ROWS[row]
    assert stages[-1].name == last
    assert protocol.num_clusters == clusters * len(protocol.fold.new(1))
    found = {hook['type'] for hook in stages[-1].cfg.custom_hooks}
    assert found & {TEACHER, REASSIGNMENT} == hooks
    unlabeled = stages[-1].cfg.train_dataloader.sampler.source_counts['unclean']
    assert bool(unlabeled) is (TEACHER in hooks)


@pytest.mark.parametrize(
    ('name', 'base_step', 'base_best', 'counts', 'salient'),
    [
        ('deeplabv3_r50_pascal-5i_fold0', 26, True, 8, 0.5),
        ('deeplabv3_r50_coco-20i_fold0', 16, False, 6, 0),
    ],
)
def test_settings_of_the_authors(name, base_step, base_best, counts, salient):
    _, stages = stages_of(name)
    base, clustering, basic, _, eums = stages
    assert clustering.cfg.job.get('saliency_threshold', 0.5) == salient
    steps = [s.cfg.param_scheduler[0].milestones for s in (base, basic, eums)]
    assert steps == [[base_step], [16], [16]]
    assert [s.best for s in (base, basic, eums)] == [base_best, True, True]
    assert basic.cfg.train_cfg.val_interval == eums.cfg.train_cfg.val_interval == 1
    drawn = [s.cfg.train_dataloader.sampler.source_counts for s in (basic, eums)]
    assert drawn[0] == dict(base=8, clean=8, unclean=0)
    assert drawn[1] == dict(base=counts, clean=counts, unclean=counts)
    (teacher,) = [h for h in eums.cfg.custom_hooks if h['type'] == TEACHER]
    assert teacher == dict(type=TEACHER, momentum=0.99, ramp=False, buffers='own')
    model = eums.cfg.model
    assert (model.student_passes, model.teacher_mode) == ('per_source', 'train')
    assert [h for h in eums.cfg.custom_hooks if 'checkpoint' in h] == []


@pytest.mark.parametrize('name', ['demo_voc_fold0', 'deeplabv3_mobilenetv2_vocreal'])
def test_small_data_has_a_teacher_with_the_statistics_of_the_student(name):
    _, stages = stages_of(name)
    model = stages[-1].cfg.model
    assert (model.student_passes, model.teacher_mode) == ('joint', 'eval')
    (teacher,) = [h for h in stages[-1].cfg.custom_hooks if h['type'] == TEACHER]
    assert teacher == dict(type=TEACHER, momentum=0.99, ramp=True, buffers='copy')
    assert not any(stage.best for stage in stages)


def test_features_of_regions_are_those_of_the_dilated_network():
    _, stages = stages_of('deeplabv3_r50_pascal-5i_fold0')
    backbone = dict(stages[1].cfg.job.features.backbone, init_cfg=None)
    with torch.device('meta'):
        maps = NETWORKS.build(backbone)(torch.zeros(1, 3, 64, 64))
    assert maps[-1].shape[2:] == (8, 8)
    trained = stages[0].cfg.model.backbone
    for name in ('strides', 'dilations', 'contract_dilation', 'style'):
        assert backbone[name] == trained[name]


def folds(node):
    """The folds of all novel class datasets below a node of a config."""
    if isinstance(node, dict):
        if node.get('type') == 'NovelClassDataset':
            yield node['fold']
        for value in node.values():
            yield from folds(value)
    elif isinstance(node, list):
        for value in node:
            yield from folds(value)


@pytest.mark.parametrize(
    ('name', 'fold', 'num_base'),
    [
        ('deeplabv3_r50_pascal-5i_fold0 (fold 2)', 'pascal-5i_fold2', 16),
        ('deeplabv3_r50_coco-20i_fold0 (fold 3)', 'coco-20i_fold3', 61),
        ('demo_voc_fold0_basic (fold 3)', 'pascal-5i_fold3', 16),
    ],
)
def test_the_fold_of_the_options_is_that_of_all_stages(name, fold, num_base):
    protocol, stages = stages_of(name)
    for stage in stages:
        loaders = [stage.cfg[f'{k}_dataloader'] for k in ('train', 'val', 'test')]
        parts = [stage.cfg.job] if stage.is_job else loaders
        assert {f for part in parts for f in folds(part)} == {fold}
    heads = [s.cfg.model.decode_head.num_classes for s in stages if not s.is_job]
    assert heads[0] == num_base
    assert set(heads[1:]) == {num_base + protocol.num_clusters}
