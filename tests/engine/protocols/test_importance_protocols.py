import copy
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.apis import init_model

from mmseg_labelfree.engine.hooks import ParameterImportanceHook
from mmseg_labelfree.engine.protocols import ProtocolRunner, build_protocol
from mmseg_labelfree.utils.checkpoint import load_checkpoint
from mmseg_labelfree.utils.distributed import prepare_cpu_processes

KINDS = ('ewc', 'pi', 'rw')


def fine_tuning(cfg, kind=None, **settings):
    """FT, or one of the methods that add the hook to it."""
    cfg.model.distillation = []
    cfg.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    cfg.protocol.classifier_init = 'random'
    if kind is not None:
        hook = dict(type='ParameterImportanceHook', importance=kind, **settings)
        cfg.custom_hooks = [hook, *cfg.custom_hooks]
    return cfg


class StopAt(Hook):
    """Interrupts training like Ctrl-C before a given iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


def train(stage, *hooks, work_dir=None, resume=False):
    """Run a stage without validation; return its last checkpoint."""
    cfg = stage.copy()
    cfg.work_dir, cfg.resume = work_dir or cfg.work_dir, resume
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return load_checkpoint(cfg.work_dir)[0]


def test_checkpoint_is_the_previous_step(incremental):
    fine_tuning(incremental, 'ewc', weight=500.0)
    incremental.custom_hooks.append(
        dict(type='ParameterImportanceHook', importance='pi', weight=1.0)
    )
    stages = build_protocol(incremental).stages(incremental)
    for step, stage in enumerate(stages):
        hooks = [
            h for h in stage.cfg.custom_hooks if h.type == 'ParameterImportanceHook'
        ]
        previous = f'{incremental.work_dir}/step_{step - 1}' if step else None
        assert [h.get('checkpoint') for h in hooks] == [previous] * 2
    assert 'checkpoint' not in incremental.custom_hooks[0]


def test_a_penalty_beyond_the_rate_stops_all_before_step_0(incremental):
    fine_tuning(incremental, 'ewc', weight=1000.0)  # the rate of later steps is 0.01
    with pytest.raises(ValueError, match=r'step_1: .* is 20 and must be below 1.36'):
        ProtocolRunner(incremental).run()
    assert not Path(incremental.work_dir, 'step_0').exists()


@pytest.mark.slow
def test_lwf_mc_and_ilt_losses_follow_the_steps(incremental):
    incremental.model.decode_head.loss_decode = dict(
        type='IncrementalBCELoss', num_old_classes=1, variant='official'
    )
    incremental.model.distillation = [
        dict(type='BinaryDistillationLoss', loss_weight=10.0),
        dict(type='FeatureDistillationLoss', loss_weight=100.0),
    ]
    runner = ProtocolRunner(incremental)
    losses = [s.cfg.model.decode_head.loss_decode for s in runner.stages]
    assert [loss.num_old_classes for loss in losses] == [1, 3, 4]
    train(runner.stages[0].cfg)
    stage = runner.stages[1].cfg
    hub = train(stage)['message_hub']['log_scalars']
    for key in (
        'decode.loss_incremental_bce',
        'distill.loss_binary_kd',
        'distill.loss_feature_kd',
    ):
        history, _ = hub[f'train/{key}'].data
        # The features are the teacher's own before the first update.
        assert len(history) == 6 and (history[1:] > 0).all()


@pytest.mark.slow
def test_three_steps(incremental):
    fine_tuning(incremental, 'rw', weight=10.0, interval=2)
    ProtocolRunner(incremental).run()
    work_dir = Path(incremental.work_dir)
    for step, classes in enumerate((3, 4, 5)):
        folder = work_dir / f'step_{step}'
        (scalars,) = folder.glob('*/vis_data/scalars.json')
        entries = [json.loads(line) for line in scalars.read_text().splitlines()]
        entries = [e for e in entries if 'loss' in e]
        assert [e['step'] for e in entries] == [2, 4, 6]
        assert all(('importance_penalty' in e) == (step > 0) for e in entries)
        assert all(e.get('importance_penalty', 1) > 0 for e in entries)
        assert all(e['loss'] == e['decode.loss_ce'] for e in entries)
        # Nothing but plain content, and the weights are a stock segmentor's.
        checkpoint = load_checkpoint(folder / 'iter_6.pth')[0]
        entry = checkpoint['parameter_importance']
        assert entry['importance'] == 'rw' and entry['num_updates'] == 6
        for by_name in entry['maps'].values():
            assert set(by_name) <= set(checkpoint['state_dict'])
            assert len(by_name['decode_head.conv_seg.weight']) == classes
        stock = Config.fromfile(folder / 'config.py')
        stock.model.type = 'EncoderDecoder'
        stock.model.pop('distillation')
        init_model(stock, str(folder / 'iter_6.pth'), device='cpu')


@pytest.mark.slow
@pytest.mark.parametrize('variant', ['paper', 'official'])
@pytest.mark.parametrize('kind', KINDS)
def test_interrupted_step_resumes_to_the_same_numbers(incremental, kind, variant):
    fine_tuning(incremental, kind, weight=5.0, interval=3, variant=variant)
    incremental.model.decode_head.dropout_ratio = 0.3
    stages = ProtocolRunner(incremental).stages
    train(stages[0].cfg)
    stage = stages[1].cfg
    whole = train(stage, work_dir=f'{stage.work_dir}_whole')
    cut = f'{stage.work_dir}_cut'
    with pytest.raises(KeyboardInterrupt):
        train(stage, StopAt(5), work_dir=cut)  # the last checkpoint is iter_4
    resumed = train(stage, work_dir=cut, resume=True)
    for key in ('state_dict', 'parameter_importance'):
        for content in (whole, resumed):
            content[key].pop('importance', None)
        torch.testing.assert_close(resumed[key], whole[key], rtol=0, atol=0)
    assert whole['parameter_importance']['num_updates'] == 6


def test_resuming_a_step_without_record_is_refused(incremental):
    incremental.protocol.task = [['square', 'bar'], ['dot', 'frame']]
    stage = ProtocolRunner(fine_tuning(incremental)).stages[0].cfg
    with pytest.raises(KeyboardInterrupt):
        train(stage, StopAt(3))
    hook = dict(type='ParameterImportanceHook', importance='ewc', weight=1.0)
    stage.custom_hooks.append(hook)
    with pytest.raises(ValueError, match="resume from has no entry 'parameter_imp"):
        train(stage, resume=True)


def test_loading_weights_starts_a_new_record(incremental):
    stage = ProtocolRunner(fine_tuning(incremental, 'pi', weight=1.0)).stages[0].cfg
    train(stage)
    stage.load_from = f'{stage.work_dir}/iter_6.pth'
    again = train(stage, work_dir=f'{stage.work_dir}_again')
    start = again['parameter_importance']['state']['start']
    first = load_checkpoint(stage.load_from)[0]
    for name, value in start.items():
        assert torch.equal(value, first['state_dict'][name])
    assert again['parameter_importance']['num_updates'] == 6


@pytest.mark.slow
def test_two_processes_equal_one(incremental, tmp_path, train_in_two_processes):
    incremental.protocol.task = [['square', 'bar'], ['dot', 'frame']]
    fine_tuning(incremental, 'rw', weight=5.0, interval=2, eps=1e-3)
    path = tmp_path / 'config.py'
    path.write_text(incremental.pretty_text)
    ProtocolRunner(Config.fromfile(path)).run()
    incremental.train_dataloader.batch_size = 2
    path.write_text(incremental.pretty_text)
    two = str(tmp_path / 'two')
    train_in_two_processes(path, two)
    for step in ('step_0', 'step_1'):
        one = load_checkpoint(f'{incremental.work_dir}/{step}')[0]
        both = load_checkpoint(f'{two}/{step}')[0]
        torch.testing.assert_close(
            both['state_dict'], one['state_dict'], rtol=1e-3, atol=1e-5
        )
        maps = (c['parameter_importance']['maps'] for c in (both, one))
        torch.testing.assert_close(*maps, rtol=1e-2, atol=1e-4)


class Keep(Hook):
    """Keeps the importance at the end of a training."""

    def after_train(self, runner):
        hooks = (h for h in runner.hooks if isinstance(h, ParameterImportanceHook))
        self.entry = next(hooks).contents(runner)


def _importance(cfg, batch_size):
    cfg.launcher, cfg.train_dataloader.batch_size = 'pytorch', batch_size
    prepare_cpu_processes(cfg)
    runner, keep = Runner.from_cfg(cfg), Keep()
    runner.register_hook(keep)
    runner.train()
    return keep.entry


@pytest.mark.slow
@pytest.mark.parametrize('images', [24, 2])
def test_any_number_of_processes(tiny, in_processes, images):
    """Of fewer images than processes, too, every process has the same importance."""
    settings = dict(importance='rw', weight=1.0, interval=2, eps=1e-3)
    tiny.custom_hooks.insert(0, dict(settings, type='ParameterImportanceHook'))
    data = tiny.train_dataloader.dataset
    data.indices = images
    data.pipeline = [*data.pipeline[:2], data.pipeline[-1]]  # nothing is drawn
    tiny.train_cfg.update(max_iters=4, val_interval=10)
    found = []
    for processes in (1, 2, 3):
        cfg = copy.deepcopy(tiny)
        cfg.work_dir += f'_{processes}'
        entries = in_processes(processes, _importance, cfg, 6 // processes)
        found.append(entries[0])
        for entry in entries[1:]:
            for key in ('maps', 'state'):
                torch.testing.assert_close(entry[key], entries[0][key], rtol=0, atol=0)
    for entry in found[1:]:
        assert entry['num_updates'] == 4
        torch.testing.assert_close(
            entry['maps'], found[0]['maps'], rtol=1e-2, atol=1e-4
        )
