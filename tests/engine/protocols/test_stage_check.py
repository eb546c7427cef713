"""What is wrong in any stage is said before the first one, in one line."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmseg_labelfree.engine.protocols import ProtocolRunner

CLUSTERS = (
    ('model.decode_head.', 'asses'),
    ('val_evaluator.', 'usters'),
    ('test_evaluator.', 'usters'),
)

# Fixture, settings, and what the line says.
LOAD = dict(type='LoadImageFromFile')
WRONG = [
    (
        'plop',
        {'model.decode_head.loss_decode.class_weight': [1.0, 2.0, 3.0]},
        'step_1: model: decode_head.loss_decode.class_weight has 3 numbers, but there '
        'are 4 classes: give each class one',
    ),
    (
        'semi',
        {'model.decode_head': [dict(type='FCNHead'), dict(type='OCRHead')]},
        'model: MeanTeacherEncoderDecoder has one decode_head, not a cascade',
    ),
    (
        'semi',
        {
            'model.type': 'NovelClassEncoderDecoder',
            'model.labeled_sources': ['labeled'],
            'model.unlabeled_sources': ['unlabeled'],
            'custom_hooks': [dict(type='EMATeacherHook')],
        },
        r'NovelClassEncoderDecoder counts epochs, .*: add dict.type=.SamplerStateHook',
    ),
    (
        'incremental',
        {'protocol.next_steps.train_cfg.max_iter': 9},
        r"step_1: train_cfg: IterBasedTrainLoop takes no 'max_iter': did you mean "
        'max_iters',
    ),
    (
        'incremental',
        {'protocol.next_steps.train_cgf.max_iters': 9},
        'step_1: train_cgf is read by nothing; did you mean train_cfg?',
    ),
    (
        'incremental',
        {'protocol.next_steps.optim_wrapper.optimizer.momentun': 0.9},
        r'step_1: optim_wrapper: .*momentun.*; correct its name, or leave it out',
    ),
    (
        'incremental',
        {'protocol.next_steps.default_hooks.checkpoint.intervaal': 9},
        r"step_1: default_hooks.checkpoint: save_checkpoint takes no 'intervaal'",
    ),
    (
        'incremental',
        {'protocol.next_steps.custom_hooks': [dict(type='EMATeacherHok')]},
        r'step_1: custom_hooks.0 \(EMATeacherHok\): EMATeacherHok is not in the',
    ),
    (
        'incremental',
        {'protocol.next_steps.model.decode_head.in_channels': 64},
        'step_1: model: decode_head.in_channels=64, but the backbone gives 32 '
        'channels at in_index=-1: set in_channels to that',
    ),
    (
        'incremental',
        {'protocol.next_steps.model.decode_head.in_index': 7},
        'step_1: model: decode_head.in_index=7, but the backbone gives 4 maps',
    ),
    (
        'incremental',
        {'protocol.next_steps.train_dataloader.batch_sizes': 7},
        "step_1: train_dataloader: DataLoader takes no 'batch_sizes': did you mean "
        'batch_size',
    ),
    (
        'incremental',
        {'protocol.next_steps.param_scheduler': [dict(type='PolyLR', powr=1)]},
        r'step_1: param_scheduler.0: .*powr',
    ),
    (
        'incremental',
        {'protocol.initial_step.load_from': 'no/such.pth'},
        'step_0: load_from: there are no weights no/such.pth; correct the path',
    ),
    (
        'incremental',
        {'model.backbone.init_cfg': dict(type='Pretrained', checkpoint='no.pth')},
        r'step_0: model.backbone.init_cfg.checkpoint: there are no weights no.pth; '
        'correct the path, or get them as the README beside the config says',
    ),
    (
        'incremental',
        {'protocol.next_steps.val_evaluator': dict(type='IoUMetrik')},
        'step_1: val_evaluator: IoUMetrik is not in the',
    ),
    (
        'strict',
        {'model.generator.views': 'mirrorup'},
        r"round_1: model: .*views='mirrorup' is unknown; use one of",
    ),
    ('novel', {'protocol.entropy_ranking': 67}, r'entropy_ranking=67 must be a number'),
    (
        'novel',
        {'protocol.source_counts.cleaan': 2},
        'protocol: source_counts.cleaan is read by nothing: clean is meant',
    ),
    (
        'novel',
        {'protocol.clustering.features.layer': 'layer9'},
        "clustering: job: features.layer='layer9' must be a number",
    ),
    (
        'novel',
        {'protocol.clustering.saliency.folder': 'no/saliency'},
        'clustering: job: there is no folder of saliency maps no/saliency: correct',
    ),
    (
        'novel',
        {'protocol.reassignment.begn': 3},
        r'eums: custom_hooks.\d \(DynamicReassignmentHook\): .*begn',
    ),
    (
        'tiny',
        {'model.decode_head.num_classes': 3},
        r'model.decode_head.num_classes=3, but the training data has 5 classes',
    ),
    (
        'tiny',
        {'val_evaluator': dict(type='GroupedIoUMetric', groups=dict(all=['dott']))},
        r"val_evaluator: group 'all' of GroupedIoUMetric names \['dott'\]",
    ),
    (
        'tiny',
        {
            'model.auxiliary_head': dict(
                type='FCNHead', in_channels=16, in_index=2, channels=4, num_classes=6
            )
        },
        'model: auxiliary_head.num_classes is 6, but decode_head.num_classes is 5',
    ),
    (
        'tiny',
        {'val_evaluator.iou_metrics': ['mIou']},
        "val_evaluator: iou_metrics='mIou' is unknown; use one of 'mIoU'",
    ),
    (
        'tiny',
        {'model.type': 'EncoderDecodr'},
        'model: EncoderDecodr is not in the mmseg::model registry; did you mean Enc',
    ),
    (
        'tiny',
        {'train_dataloader.dataset.type': 'BaseSegDatasett'},
        'BaseSegDatasett is not in the .* registry; did you mean BaseSegDataset',
    ),
    (
        'tiny',
        {'optim_wrapper.optimizer.lr': 'big'},
        'optim_wrapper: .*; a setting has a value of another kind than it takes',
    ),
    ('tiny', {'train_cfg.max_iters': '20k'}, "train_cfg.max_iters='20k' must be a num"),
    ('tiny', {'randomness.seed': 'a'}, "randomness.seed='a' must be a number"),
    (
        'tiny',
        {'train_cfg': None},
        r'a training needs train_cfg=dict\(...\), and it is N',
    ),
    (
        'tiny',
        {'train_dataloader.dataset.indices': 0},
        'gives no batch: 0 images for a batch of 4; check ann_file',
    ),
    (
        'semi',
        {'train_dataloader.batch_size': 3},
        'train_dataloader has batch_size=3, but its MultiSourceSampler .*; set batch',
    ),
    ('semi', {'model.unlabeled_sources': 'unlabeled'}, r"write \['unlabeled'\]"),
    ('semi', {'train_dataloader.sampler.source_counts': 4}, 'of another kind than it'),
    (
        'iddc',
        {f'{key}num_cl{end}': 2 for key, end in CLUSTERS},
        '2 clusters cannot stand for the 5 classes .* or more',
    ),
    (
        'incremental',
        {'protocol.tasks': '15-5'},
        "protocol: .* unexpected keyword argument 'tasks'.*; correct its name",
    ),
    (
        'incremental',
        {'protocol.base_checkpoint': __file__},
        'step_1: custom_hooks.* is not a readable checkpoint',
    ),
    (
        'strict',
        {'protocol.split': dict(seen=['square', 'bar'], unseen='frame')},
        r"protocol: unseen='frame' must be a list of names: write \['frame'\]",
    ),
    (
        'tiny',
        {'val_evaluator': dict(type='GroupedIoUMetric', groups=dict(all='dot'))},
        r"val_evaluator: groups.all='dot' must be a list of names: write \['dot'\]",
    ),
    (
        'iddc',
        {'train_dataloader.batch_size': 1},
        'train_dataloader: 1 negatives for each image need a batch of 2 images or more',
    ),
    (
        'iddc',
        {
            'train_dataloader.batch_size': 23,
            'train_dataloader.sampler': dict(type='DefaultSampler', shuffle=True),
        },
        'train_dataloader: 1 negatives .* but this one has 1: .*drop_last=True',
    ),
    (
        'iddc',
        {'train_dataloader.dataset.dataset.pipeline.3.meta_keys': ['img_path']},
        'train_dataloader: a training sample is no pair of crops: use OverlappingCropP',
    ),
    (
        'semi',
        {'model.unlabeled_sources': ['another']},
        "train_dataloader: a sample has the source 'unlabeled', but the model knows",
    ),
    (
        'semi',
        {'model.ignore_rows': (12, 12)},
        r'ignore_rows=\(12, 12\) leaves nothing of crops with 24 rows',
    ),
    (
        'semi',
        {'custom_hooks': []},
        'train_dataloader: MeanTeacherEncoderDecoder has no teacher: train with dict',
    ),
    (
        'tiny',
        {'custom_hooks': [dict(type='EMATeacherHook')]},
        r'custom_hooks.0 \(EMATeacherHook\): EncoderDecoder takes no teacher: .* needs',
    ),
    (
        'semi',
        {'custom_hooks': [dict(type='PrototypeMemoryBankHook')]},
        'custom_hooks.0 .*: MeanTeacherEncoderDecoder.memory_bank is no Prototype',
    ),
    (
        'tiny',
        {'val_dataloader.dataset.pipeline.0.imdecode_backend': 'cv3'},
        'val_dataloader: .*cv3',
    ),
    (
        'tiny',
        {'train_dataloader.num_workers': -1},
        'train_dataloader: num_workers=-1 must',
    ),
    ('tiny', {'train_dataloader.batch_size': 0}, 'train_dataloader: batch_size should'),
    (
        'tiny',
        {'train_cfg.val_interval': 0},
        'train_cfg.val_interval=0 must be a number',
    ),
    ('tiny', {'model.test_cfg.mode': 'slid'}, "model: test_cfg.mode='slid' is unknown"),
    (
        'tiny',
        {'model.test_cfg.mode': 'slide'},
        r'model: test_cfg.crop_size=None must be \(height, width\) in pixels',
    ),
    (
        'tiny',
        {'model.data_preprocessor': dict(type='SegDataPreProcessor', size=512)},
        r'model: data_preprocessor.size=512 must be \(height, width\)',
    ),
    (
        'tiny',
        {'default_hooks.checkpoint.save_best': 'miou'},
        "default_hooks.checkpoint: save_best='miou': the metric is called mIoU",
    ),
    (
        'semi',
        {
            'default_hooks.checkpoint.save_best': 'mIoU',
            'val_cfg.type': 'TeacherStudentValLoop',
        },
        "save_best='mIoU': this val_cfg gives student/mIoU or teacher/mIoU",
    ),
    (
        'tiny',
        {
            'val_evaluator.type': 'ClusteringIoUMetric',
            'val_evaluator.iou_metrics': None,
        },
        'val_evaluator: .* missing 1 required positional argument: .num_clusters.; set',
    ),
    (
        'incremental',
        {'protocol.next_steps.jbo.type': 'x'},
        'step_1: jbo is read by nothing; did you mean job',
    ),
    ('tiny', {'custom_hooks': ['EMAHook']}, "custom_hooks.0='EMAHook' must be dict"),
    ('tiny', {'randomness.sed': 3}, 'randomness.sed is read by nothing: seed is meant'),
    (
        'tiny',
        {'val_dataloader.dataset.pipeline': [LOAD, dict(type='PackSegInputs')]},
        'val_dataloader: its pipeline loads no labels.*add dict.type=.LoadAnnotations',
    ),
    (
        'semi',
        {'custom_hooks': [], 'val_cfg.type': 'TeacherStudentValLoop'},
        "a teacher is to be validated, .* add dict.type='EMATeacherHook'. to custom",
    ),
    ('semi', {'model.ignore_rows': 15}, 'model: ignore_rows=15 must be two numbers'),
    (
        'incremental',
        {'protocol.classifier_init': 'unknown'},
        "step_1: .*init='unknown' is not .* set protocol.classifier_init to 'backg",
    ),
    (
        'incremental',
        {'protocol.next_steps': 100},
        'protocol: next_steps=100 must be a dict of settings, as in next_steps.key=100',
    ),
    ('tiny', {'protocol': 1}, 'protocol=1 must be a dict of settings'),
    ('novel', {'protocol.fold': 5}, r'protocol: fold=5 is neither .* nor dict\(base='),
    ('novel', {'protocol.num_clusters': 'two'}, "num_clusters='two' must be a number"),
    (
        'novel',
        {'protocol.clustering.saliency.foldr': 'x'},
        "clustering: job: .*unexpected keyword argument 'foldr'; correct its name",
    ),
    ('tiny', {'optim_wrapper.type': 'AmpOptimWrapper'}, 'AmpOptimWrapper needs a GPU'),
    (
        'iddc',
        {'val_evaluator.num_clusters': 7},
        'val_evaluator: the model has 6 outputs, but ClusteringIoUMetric has '
        'num_old_classes=0 and num_clusters=7: their sum must be that',
    ),
]


def check(cfg: Config) -> None:
    ProtocolRunner(cfg).run()


@pytest.mark.parametrize(
    ('fixture', 'settings', 'message'),
    WRONG,
    ids=[f'{w[0]}-{next(iter(w[1]))}' for w in WRONG],
)
def test_before_anything_trains(fixture, settings, message, request):
    if 'AmpOptimWrapper' in message and torch.cuda.is_available():
        pytest.skip('there is a GPU')
    cfg = request.getfixturevalue(fixture)
    cfg.merge_from_dict(settings)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as info:
        check(cfg)
    assert '\n' not in str(info.value)
    assert not Path(cfg.work_dir).exists()


@pytest.mark.parametrize('fixture', ['incremental', 'strict', 'two_stages', 'novel'])
def test_stages_of_other_runs_are_finished(fixture, request, tmp_path):
    """A checkpoint that hooks read, or a job, and folders of lists."""
    cfg = request.getfixturevalue(fixture)
    folder = str(tmp_path / 'other')
    keys = dict(two_stages='labeler_checkpoint', novel='reuse')
    reuse = dict(base=folder, clustering=folder)
    cfg.protocol[keys.get(fixture, 'base_checkpoint')] = (
        reuse if fixture == 'novel' else folder
    )
    Path(folder).mkdir()
    for name in ('config.py', 'iter_2.pth'):
        Path(folder, name).touch()
    runner = ProtocolRunner(cfg)
    with pytest.raises(FileNotFoundError, match=f'stage in {folder} is not finished'):
        runner.check(runner.stages)


@pytest.mark.parametrize(
    'fixture', ['tiny', 'incremental', 'semi', 'novel', 'strict', 'iddc']
)
def test_what_is_right_passes_and_draws_no_random_number(fixture, request):
    cfg = request.getfixturevalue(fixture)
    draws = []
    for work in (lambda: None, lambda: _check_alone(cfg)):
        for module in (random, np.random, torch):
            getattr(module, 'manual_seed' if module is torch else 'seed')(3)
        work()
        draws.append((random.random(), np.random.rand(), float(torch.rand(()))))
    assert draws[0] == draws[1]
    assert not Path(cfg.work_dir).exists()


def test_settings_of_stock_configs_pass(tiny, tmp_path):
    """Those that are inherited from ``mmseg::`` name their scope."""
    path = tmp_path / 'stock.py'
    path.write_text(
        "_base_ = ['mmseg::_base_/schedules/schedule_20k.py', "
        "'mmseg::_base_/default_runtime.py']\n"
    )
    stock = Config.fromfile(path)
    assert stock.train_cfg['_scope_'] == stock.val_cfg['_scope_'] == 'mmseg'
    tiny.merge_from_dict(stock.to_dict())
    _check_alone(tiny)


def _check_alone(cfg: Config) -> None:
    runner = ProtocolRunner(cfg)
    runner.check(runner.stages)


@pytest.mark.parametrize(
    ('part', 'settings', 'message'),
    [
        (
            'memory_bank',
            dict(num_classes=4),
            'num_classes=4 does not fit the heads: set memory_bank.num_classes=5',
        ),
        (
            'memory_bank',
            dict(channels=9),
            'memory_bank.channels=9 does not fit the heads: set memory_bank.channels=8',
        ),
        (
            'representation_head',
            dict(in_channels=9),
            'representation_head.in_channels=9, but it is given 8 channels',
        ),
    ],
)
def test_parts_of_contrast_fit_each_other(semi, part, settings, message):
    semi.model.update(
        type='U2PLEncoderDecoder',
        representation_head=dict(
            type='RepresentationHead', in_channels=8, channels=8, kernel_size=1
        ),
        memory_bank=dict(
            type='PrototypeMemoryBank',
            num_classes=5,
            channels=8,
            length=20,
            background_length=20,
        ),
    )
    with pytest.raises(ValueError, match='add dict.type=.PrototypeMemoryBankHook'):
        _check_alone(semi)
    semi.custom_hooks.append(dict(type='PrototypeMemoryBankHook'))
    _check_alone(semi)
    semi.model[part].update(settings)
    with pytest.raises(ValueError, match=message):
        _check_alone(semi)


def test_levels_that_a_representation_head_reads(tiny):
    tiny.model.update(
        type='SePiCoEncoderDecoder',
        representation_head=dict(
            type='MultiLevelRepresentationHead', in_channels=[9], in_index=[-1]
        ),
        class_statistics=dict(
            type='ClassStatistics', num_classes=tiny.model.decode_head.num_classes
        ),
        contrastive_loss=dict(type='DistributionContrastiveLoss'),
    )
    tiny.custom_hooks = [dict(type='ClassStatisticsHook')]
    with pytest.raises(ValueError, match=r'head.in_channels=\[9\], but the backbone'):
        _check_alone(tiny)
    head = tiny.model.representation_head
    head.update(in_channels=[4, 8, 16, 32], in_index=None)
    _check_alone(tiny)
    tiny.custom_hooks = []
    with pytest.raises(ValueError, match='ClassStatistics does not work without Class'):
        _check_alone(tiny)
    tiny.custom_hooks = [dict(type='ClassStatisticsHook')]
    head.update(in_channels=[4, 8], in_index=[0, 7])
    with pytest.raises(ValueError, match=r'head.in_index=\[0, 7\], but the backbone'):
        _check_alone(tiny)
