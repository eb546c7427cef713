import copy
import importlib.util
import inspect
import json
import os
import socket
import sys
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader, Runner
from mmseg.apis import init_model

from mmseg_labelfree.engine.hooks import EMATeacherHook
from mmseg_labelfree.engine.loops.scored import scored_by
from mmseg_labelfree.models.teachers.ema import ramped_momentum
from mmseg_labelfree.utils.checkpoint import load_weights
from mmseg_labelfree.utils.framework_compat import checks_overflow
from mmseg_labelfree.utils.test_options import use_tta

ROOT = Path(__file__).parents[3]


class Record(Hook):
    """Keeps all weights of student and teacher, and the losses, of each iteration."""

    def __init__(self):
        self.student, self.teacher, self.losses = [], [], []

    def before_train(self, runner):
        self.after_train_iter(runner, 0, outputs={})

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        for kept, model in (
            (self.student, runner.model),
            (self.teacher, runner.model.teacher),
        ):
            kept.append({k: v.clone() for k, v in model.state_dict().items()})
        self.losses.append({k: float(v) for k, v in outputs.items()})


class Stop(Hook):
    """Ends the run after the fourth iteration, as if it was killed."""

    def after_train_iter(self, runner, *args, **kwargs):
        runner.train_loop.stop_training = runner.iter == 3


def train(cfg, name='run', **changes):
    cfg = copy.deepcopy(cfg)
    cfg.merge_from_dict(changes)
    cfg.experiment_name = f'{name}_{os.path.basename(os.path.dirname(cfg.work_dir))}'
    runner = Runner.from_cfg(cfg)
    record = Record()
    runner.register_hook(record, priority='LOWEST')
    runner.train()
    return runner, record


def is_statistic(key):
    return 'running_' in key or 'num_batches' in key


@pytest.mark.parametrize('buffers', ['copy', 'ema', 'own'])
def test_teacher_follows_the_student(semi, buffers):
    semi.custom_hooks[2].buffers = buffers
    if buffers == 'own':
        semi.model.teacher_mode = 'train'
    runner, record = train(semi)
    assert len(record.student) == 7
    for key, value in record.student[0].items():
        assert torch.equal(record.teacher[0][key], value)
    expected = {k: v.double() for k, v in record.teacher[0].items()}
    for update in range(6):
        m = min(1 - 1 / (update + 1), 0.7)
        for key, teacher in record.teacher[update + 1].items():
            student = record.student[update + 1][key]
            if is_statistic(key) and buffers == 'own':
                assert not torch.equal(teacher, record.teacher[update][key])
                assert 'num_batches' in key or not torch.equal(teacher, student)
                continue
            if is_statistic(key) and (buffers == 'copy' or 'num' in key):
                assert torch.equal(teacher, student)
                continue
            expected[key] = m * expected[key] + (1 - m) * student.double()
            torch.testing.assert_close(
                teacher.double(), expected[key], rtol=1e-5, atol=1e-6
            )
    assert not torch.equal(
        record.student[1]['decode_head.conv_seg.weight'],
        record.student[6]['decode_head.conv_seg.weight'],
    )


def test_accumulated_iterations_do_not_move_it(semi):
    semi.param_scheduler = None  # PolyLR's last rate is 0
    semi.optim_wrapper.accumulative_counts = 3
    _, record = train(semi)
    key = 'decode_head.conv_seg.weight'
    moved = [
        not torch.equal(a[key], b[key])
        for a, b in zip(record.teacher, record.teacher[1:], strict=False)
    ]
    assert moved == [False, False, True] * 2
    m = ramped_momentum(1, 0.7)
    expected = record.student[3][key].lerp(record.student[6][key], 1 - m)
    torch.testing.assert_close(record.teacher[6][key], expected)


# torch 2.3 brought loss scaling without a GPU, torch 2.4 fused optimizers without one.
needs_scaler = pytest.mark.skipif(
    'fused' not in inspect.signature(torch.optim.SGD).parameters,
    reason='this torch scales losses on GPUs only',
)


@needs_scaler
@pytest.mark.parametrize('fused', [False, True])
def test_steps_that_a_scaler_leaves_out(semi, fused):
    """The scaler of AMP calls plain optimizers not at all, fused ones with a flag."""
    # torch leaves a fused momentum as memory was, if the first step overflows.
    semi.optim_wrapper.optimizer.update(fused=fused, momentum=0.0, nesterov=False)
    runner = Runner.from_cfg(semi)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    hook = next(h for h in runner.hooks if isinstance(h, EMATeacherHook))
    optimizer = runner.optim_wrapper.optimizer
    assert checks_overflow(optimizer) == fused
    hook.before_train(runner)
    scaler = torch.amp.GradScaler('cpu', init_scale=4.0)
    teacher = runner.model.teacher.decode_head.conv_seg.weight
    student = runner.model.decode_head.conv_seg.weight

    def step(gradient):
        scaler.scale(torch.ones(1))
        for p in runner.model.parameters():
            p.grad = torch.full_like(p, gradient)
        scaler.step(optimizer)
        scaler.update()

    before = teacher.clone()
    step(float('inf'))
    assert torch.equal(teacher, before) and hook.updates == 0
    step(1.0)
    assert torch.equal(teacher, student) and hook.updates == 1
    assert not torch.equal(teacher, before)
    step(1.0)
    assert not torch.equal(teacher, student) and hook.updates == 2
    hook.after_train(runner)
    step(1.0)
    assert hook.updates == 2


def test_warmup_copies_the_student(semi):
    semi.model.warmup_iters = 3
    _, record = train(semi)
    key = 'decode_head.conv_seg.weight'
    for i in range(1, 5):  # the first update after the warm-up copies too
        assert torch.equal(record.teacher[i][key], record.student[i][key])
    assert not torch.equal(record.teacher[5][key], record.student[5][key])
    assert ['unlabeled.loss_ce' in losses for losses in record.losses[1:]] == (
        [False] * 3 + [True] * 3
    )


def test_copies_after_the_warmup(semi):
    semi.model.warmup_iters = 1
    semi.custom_hooks[2].copy_iters = 3
    _, record = train(semi)
    key = 'decode_head.conv_seg.weight'
    for i in range(1, 4):
        assert torch.equal(record.teacher[i][key], record.student[i][key])
    # The third update, of what was the student in the iteration before.
    mean = record.student[3][key].lerp(record.student[4][key], 1 / 3)
    torch.testing.assert_close(record.teacher[4][key], mean)
    with pytest.raises(ValueError, match='copy_iters=-1 is below 0'):
        EMATeacherHook(copy_iters=-1)


@pytest.mark.slow
@pytest.mark.parametrize('buffers', ['copy', 'own'])
def test_resume_is_exact(semi, buffers):
    semi.custom_hooks[2].buffers = buffers
    if buffers == 'own':
        semi.model.teacher_mode = 'train'
    whole, expected = train(semi)
    changes = dict(work_dir=semi.work_dir + '_cut')
    cfg = copy.deepcopy(semi)
    cfg.merge_from_dict(changes)
    cfg.experiment_name = 'cut'
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Stop(), priority='LOWEST')
    runner.train()
    resumed, record = train(semi, 'resumed', resume=True, **changes)
    assert len(record.student) == 3
    for kind in ('student', 'teacher'):
        for got, want in zip(
            getattr(record, kind), getattr(expected, kind)[4:], strict=True
        ):
            assert all(torch.equal(got[k], v) for k, v in want.items())
    assert record.losses[1:] == expected.losses[5:]


@pytest.mark.slow
def test_checkpoints_in_a_stock_segmentor(semi, tmp_path, capsys):
    runner, record = train(semi)
    _, _, path = load_weights(semi.work_dir)
    stock = Config(dict(model=copy.deepcopy(semi.model.to_dict())))
    stock.model.type = 'EncoderDecoder'
    for name in ('mixing', 'mixing_prob', 'strong_view'):
        stock.model.pop(name)
    folder = ROOT / 'tools' / 'model_converters'
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location(
            'ema_teacher_to_mmseg', folder / 'ema_teacher_to_mmseg.py'
        )
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
    finally:
        sys.path.remove(str(folder))
    exported = tmp_path / 'teacher.pth'
    tool.main([semi.work_dir, str(exported)])
    image = torch.randn(2, 3, 32, 32)
    runner.model.eval()
    for file, model in ((path, runner.model), (exported, runner.model.teacher)):
        loaded = init_model(stock, str(file), device='cpu')
        strict, _, _ = load_weights(file)
        loaded.load_state_dict(strict)  # no key missing, none too many
        with torch.no_grad():
            assert torch.equal(loaded(image), model(image))
            assert torch.equal(loaded(image), model(image, mode='tensor'))
    assert init_model(stock, str(exported), device='cpu').dataset_meta['classes']
    with pytest.raises(ValueError, match='holds no ema_teacher'):
        tool.main([str(exported), str(tmp_path / 'again.pth')])


def scores(cfg, checkpoint, val_model):
    cfg = copy.deepcopy(cfg)
    cfg.model.val_model = val_model
    cfg.load_from = checkpoint
    cfg.experiment_name = f'test_{val_model}_{Path(checkpoint).stem}'
    return Runner.from_cfg(cfg).test()


@pytest.mark.slow
def test_validation_of_student_teacher_and_both(semi):
    semi.train_cfg.val_interval = 3
    semi.val_cfg = dict(type='TeacherStudentValLoop')
    semi.custom_hooks[2].update(momentum=0.999, ramp=False)
    semi.default_hooks.checkpoint.save_best = 'teacher/mIoU'
    runner, _ = train(semi)
    (log,) = Path(semi.work_dir).glob('*/vis_data/scalars.json')
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    both = [e for e in entries if 'teacher/mIoU' in e]
    assert [e['step'] for e in both] == [3, 6] and 'student/mIoU' in both[0]
    assert runner.model.val_model == 'student'
    assert list(Path(semi.work_dir).glob('best_teacher_mIoU*'))
    _, _, path = load_weights(semi.work_dir)
    for name in ('student', 'teacher'):
        again = scores(semi, path, name)
        for metric in ('mIoU', 'aAcc'):
            assert again[metric] == both[-1][f'{name}/{metric}']
    student, teacher = (
        {k.split('/')[1]: v for k, v in both[-1].items() if k.startswith(name)}
        for name in ('student/', 'teacher/')
    )
    assert student.keys() == teacher.keys() and student != teacher


@pytest.mark.slow
def test_single_model_validation_reads_the_saved_teacher(semi):
    train(semi)
    _, _, path = load_weights(semi.work_dir)
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    assert set(checkpoint['ema_teacher']) == {'state_dict', 'updates'}
    assert checkpoint['ema_teacher']['updates'] == 6
    assert checkpoint['multi_source_sampler']['moves'] == []
    checkpoint.pop('ema_teacher')
    bare = Path(semi.work_dir) / 'bare.pth'
    torch.save(checkpoint, bare)
    assert 'mIoU' in scores(semi, str(bare), 'student')
    with pytest.raises(AttributeError, match='has no teacher'):
        scores(semi, str(bare), 'teacher')
    # Such a checkpoint starts a run, but cannot resume one.
    train(semi, 'start', load_from=str(bare), work_dir=semi.work_dir + '_start')
    with pytest.raises(ValueError, match="no entry 'ema_teacher'"):
        train(semi, 'bare', load_from=str(bare), resume=True)


@pytest.mark.slow
@pytest.mark.parametrize('model', ['student', 'teacher'])
def test_views_of_a_test_are_those_of_the_saved_teacher(semi, model):
    train(semi)
    path = load_weights(semi.work_dir)[2]
    wanted = scores(semi, path, model)
    cfg = copy.deepcopy(semi)
    cfg.model.val_model, cfg.load_from = model, path
    cfg.experiment_name = f'views_{model}'
    pack = [[dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]]
    once = [dict(type='RandomFlip', prob=0.0)]  # a single view: the plain test
    views = dict(type='TestTimeAug', transforms=[once, *pack])
    cfg.tta_pipeline = [dict(type='LoadImageFromFile'), views]
    cfg.tta_model = dict(type='SegTTAModel')
    use_tta(cfg)
    runner = Runner.from_cfg(cfg)
    found = {name: float(value) for name, value in runner.test().items()}
    assert found == pytest.approx({name: float(wanted[name]) for name in found})
    assert scored_by(runner, runner.test_loop)['tta']
    assert scored_by(runner, runner.test_loop)['model'] == model


@pytest.mark.slow
def test_moved_samples_survive_a_resume(semi):
    class Move(Hook):
        def after_train_iter(self, runner, *args, **kwargs):
            if runner.iter == 2:
                runner.train_dataloader.sampler.move(
                    range(8, 20), 'unlabeled', 'labeled', from_batch=4
                )

    def run(cfg, name, *hooks):
        cfg = copy.deepcopy(cfg)
        cfg.experiment_name = name
        runner = Runner.from_cfg(cfg)
        record = Record()
        for hook in (record, *hooks):
            runner.register_hook(hook, priority='LOW')
        runner.train()
        return runner, record

    semi.model.unlabeled_sources = ['unlabeled']
    whole, expected = run(semi, 'whole', Move())
    semi.work_dir += '_cut'
    run(semi, 'cut', Move(), Stop())
    semi.resume = True
    again, record = run(semi, 'resumed')
    assert record.losses[1:] == expected.losses[5:]
    assert len(again.train_dataloader.sampler.indices('labeled')) == 20


def test_settings_that_do_not_fit(semi):
    with pytest.raises(ValueError, match='momentum=1.5 is not in 0 to 1'):
        EMATeacherHook(momentum=1.5)
    hooks = semi.custom_hooks
    semi.custom_hooks = [*hooks[:2], dict(type='EMATeacherHook', buffers='own')]
    with pytest.raises(ValueError, match="model.teacher_mode='train'"):
        train(semi, 'own')
    semi.custom_hooks = [*hooks, dict(type='EMAHook')]
    with pytest.raises(ValueError, match='EMATeacherHook and EMAHook'):
        train(semi, 'two')
    semi.custom_hooks = hooks
    semi.train_dataloader.batch_size = 5
    with pytest.raises(ValueError, match='batch_size=5, but its MultiSourceSampler'):
        train(semi, 'size')
    semi.train_dataloader.sampler = dict(type='InfiniteSampler')
    with pytest.raises(TypeError, match='not a InfiniteSampler'):
        train(semi, 'sampler')
    semi.custom_hooks = hooks[2:]
    semi.model.type = 'EncoderDecoder'
    for name in ('mixing', 'mixing_prob', 'strong_view'):
        semi.model.pop(name)
    with pytest.raises(TypeError, match="type='MeanTeacherEncoderDecoder'"):
        train(semi, 'stock')


@pytest.mark.slow
def test_stock_config_gains_a_teacher(semi, boxes_root, tmp_path):
    path = tmp_path / 'stock.py'
    path.write_text("""
_base_ = 'mmseg::fcn/fcn_r18-d8_4xb2-80k_cityscapes-512x1024.py'
custom_imports = dict(imports=['mmseg_labelfree'], allow_failed_imports=False)
custom_hooks = [dict(type='EMATeacherHook', momentum=0.99)]
model = dict(type='MeanTeacherEncoderDecoder')
""")
    cfg = Config.fromfile(path)
    assert cfg.model.auxiliary_head.type == 'FCNHead'
    # The stock config on tiny data: only data, size and length are replaced.
    inner = semi.train_dataloader.dataset.datasets[0].dataset
    cfg.train_dataloader = dict(
        batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler'), dataset=inner
    )
    cfg.val_dataloader, cfg.val_evaluator = semi.val_dataloader, semi.val_evaluator
    cfg.test_dataloader, cfg.test_evaluator = semi.val_dataloader, semi.val_evaluator
    cfg.model.data_preprocessor.size = (24, 24)
    cfg.model.pretrained = None
    norm_cfg = dict(type='BN')
    for part in ('backbone', 'decode_head', 'auxiliary_head'):
        cfg.model[part].norm_cfg = norm_cfg
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', by_epoch=False, interval=2
    )
    cfg.work_dir = str(tmp_path / 'work')
    runner, record = train(cfg, 'stock')
    key = 'decode_head.conv_seg.weight'
    expected = record.student[1][key].lerp(record.student[2][key], 0.5)
    torch.testing.assert_close(record.teacher[2][key], expected)
    saved = CheckpointLoader.load_checkpoint(f'{cfg.work_dir}/iter_2.pth', 'cpu')
    assert torch.equal(saved['ema_teacher']['state_dict'][key], record.teacher[2][key])


def _process(rank, path, port, batch, out):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    init_default_scope('mmseg')
    cfg = Config.fromfile(path)
    cfg.launcher = 'pytorch'
    cfg.train_dataloader.batch_size = sum(batch.values())
    cfg.train_dataloader.sampler.source_counts = batch
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    model = runner.model.module
    torch.save([model.state_dict(), model.teacher.state_dict()], f'{out}_{rank}.pth')


# The anchors and negatives that each process draws have no weight.
U2PL = dict(
    type='U2PLEncoderDecoder',
    unreliable=0.4,
    representation_head=dict(
        type='RepresentationHead',
        in_channels=8,
        channels=6,
        dropout_ratio=0.0,
        norm_cfg=dict(type='GN', num_groups=2),
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank', num_classes=5, channels=6, length=40, momentum=0.9
    ),
    contrastive_loss=dict(type='MemoryBankContrastiveLoss', loss_weight=0.0),
)


# Processes draw the channels of their own images, so here none is lost.
UNIMATCH_V2 = dict(type='UniMatchV2EncoderDecoder', untouched=1.0, threshold=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    'settings',
    [dict(), UNIMATCH_V2, U2PL],
    ids=['mean teacher', 'unimatch v2', 'u2pl'],
)
def test_two_processes_are_one_with_the_same_batch(semi, tmp_path, settings):
    """Without what is drawn on each process: mixing, colors and dropout."""
    semi.model.update(copy.deepcopy(settings), mixing=None, strong_view=None)
    semi.model.decode_head.dropout_ratio = 0.0
    norm_cfg = dict(type='GN', num_groups=2)
    semi.model.backbone.norm_cfg = semi.model.decode_head.norm_cfg = norm_cfg
    semi.custom_hooks.append(dict(type='ChannelsLastHook'))
    semi.train_cfg.max_iters = 4
    semi.val_cfg = semi.val_dataloader = semi.val_evaluator = None
    runner, record = train(semi, 'one')
    semi.work_dir += '_two'
    semi.experiment_name = 'two'
    path = tmp_path / 'two.py'
    path.write_text(semi.pretty_text)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    out = tmp_path / 'weights'
    batch = dict(labeled=1, unlabeled=1)
    mp.start_processes(
        _process, (str(path), port, batch, str(out)), nprocs=2, start_method='fork'
    )
    alone = record.student[-1], record.teacher[-1]
    ranks = [torch.load(f'{out}_{rank}.pth') for rank in (0, 1)]
    for expected, first, second in zip(alone, *ranks, strict=True):
        for key, value in expected.items():
            torch.testing.assert_close(first[key], value, rtol=1e-4, atol=1e-5)
            assert torch.equal(first[key], second[key])


@pytest.mark.slow
@pytest.mark.parametrize(
    'settings',
    [
        dict(),
        dict(student_passes='per_source', num_strong_views=2),
        dict(type='UniMatchV2EncoderDecoder'),
        U2PL,
    ],
    ids=['mean teacher', 'passes per source', 'unimatch v2', 'u2pl'],
)
def test_a_process_without_labels_does_not_block(semi, tmp_path, settings):
    """Rank 1 has only unlabeled samples: both still finish, with equal weights."""
    semi.model.update(copy.deepcopy(settings))
    semi.model.auxiliary_head = dict(semi.model.decode_head, in_channels=16, in_index=2)
    semi.val_cfg = semi.val_dataloader = semi.val_evaluator = None
    semi.train_cfg.max_iters = 2
    semi.experiment_name = 'uneven'
    semi.custom_hooks = semi.custom_hooks[::2]
    path = tmp_path / 'uneven.py'
    path.write_text(semi.pretty_text)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    out = tmp_path / 'weights'
    mp.start_processes(
        _uneven, (str(path), port, str(out)), nprocs=2, start_method='fork'
    )
    first, second = (torch.load(f'{out}_{rank}.pth') for rank in (0, 1))
    weights = [k for k in first[0] if not is_statistic(k)]
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(one[k], other[k]) for k in weights)
        assert all(torch.isfinite(v).all() for v in one.values())


def _uneven(rank, path, port, out):
    batch = dict(labeled=2, unlabeled=2) if rank == 0 else dict(labeled=0, unlabeled=4)
    _process(rank, path, port, batch, out)
