import copy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_labelfree.engine.hooks import ChannelsLastHook, WeightFusionHook
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.ops.weight_fusion import fuse_weights, new_share
from mmseg_labelfree.utils.checkpoint import load_weights


class Stop(Hook):
    """Ends a run before the last checkpoint is written, as a kill would."""

    priority = 'LOW'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == runner.max_iters:
            raise InterruptedError


@pytest.fixture
def second(incremental):
    """The config of step 1 with the hook, after a step 0 of three classes."""
    incremental.custom_hooks.append(dict(type='WeightFusionHook'))
    runner = ProtocolRunner(incremental)
    runner.run('step_0')
    return runner.stage('step_1').cfg


@pytest.mark.slow
def test_a_step_ends_between_the_old_and_the_new_weights(second):
    (hook,) = (h for h in second.custom_hooks if h.type == 'WeightFusionHook')
    old = load_weights(hook.checkpoint)[0]
    Runner.from_cfg(second).train()
    last = load_weights(second.work_dir)[0]
    unfused = torch.load(f'{second.work_dir}/unfused.pth', weights_only=True)
    want = fuse_weights(old, unfused['state_dict'], new_share(3, 1))
    for key, value in want.items():
        assert torch.equal(last[key], value), key
    key = 'decode_head.conv_seg.weight'
    assert torch.equal(unfused['state_dict'][key][:3], old[key])  # they do not learn
    assert not torch.equal(unfused['state_dict'][key][3], old[key][0])

    cut = copy.deepcopy(second)
    cut.work_dir, cut.experiment_name = second.work_dir + '_cut', 'cut'
    runner = Runner.from_cfg(cut)
    runner.register_hook(Stop())  # after the fusion: hooks of a priority in their order
    with pytest.raises(InterruptedError):
        runner.train()
    cut.resume, cut.experiment_name = True, 'resumed'
    Runner.from_cfg(cut).train()
    for key, value in load_weights(cut.work_dir)[0].items():
        assert torch.equal(last[key], value), key


@pytest.mark.slow
def test_old_rows_may_learn(second):
    (hook,) = (h for h in second.custom_hooks if h.type == 'WeightFusionHook')
    hook.fix_old_classifier = False
    Runner.from_cfg(second).train()
    unfused = torch.load(f'{second.work_dir}/unfused.pth', weights_only=True)
    key = 'decode_head.conv_seg.weight'
    start = load_weights(hook.checkpoint)[0][key]
    assert not torch.equal(unfused['state_dict'][key][:3], start)


@pytest.mark.slow
def test_two_processes_fuse_once(second, tmp_path, train_in_two_processes):
    (hook,) = (h for h in second.custom_hooks if h.type == 'WeightFusionHook')
    old = load_weights(hook.checkpoint)[0]
    path, work = tmp_path / 'second.py', tmp_path / 'two'
    path.write_text(second.pretty_text)
    train_in_two_processes(path, work)
    last = load_weights(str(work))[0]
    unfused = torch.load(work / 'unfused.pth', weights_only=True)['state_dict']
    want = fuse_weights(old, unfused, new_share(3, 1))
    for key, value in want.items():
        assert torch.equal(last[key], value), key


def test_nothing_happens_without_an_earlier_step(tiny):
    tiny.custom_hooks.append(dict(type='WeightFusionHook'))
    runner = Runner.from_cfg(tiny)
    hook = WeightFusionHook()
    hook.before_train(runner)
    before = copy.deepcopy(runner.model.state_dict())
    hook.after_train_iter(runner, 5)
    assert all(torch.equal(v, before[k]) for k, v in runner.model.state_dict().items())


def test_old_rows_stay_in_a_layout_that_changes_later(tiny, tmp_path):
    runner = Runner.from_cfg(tiny)
    head = runner.model.decode_head.conv_seg
    old = {key: value.clone() for key, value in runner.model.state_dict().items()}
    for name in ('weight', 'bias'):
        old[f'decode_head.conv_seg.{name}'] = getattr(head, name).detach()[:3].clone()
    torch.save(dict(state_dict=old), tmp_path / 'old.pth')
    hook = WeightFusionHook(str(tmp_path / 'old.pth'))
    hook.before_train(runner)
    ChannelsLastHook().before_train(runner)  # its priority is lower
    with torch.no_grad():
        head.weight.add_(1)
    hook.after_train_iter(runner, 0)
    start = old['decode_head.conv_seg.weight']
    assert torch.equal(head.weight[:3], start)
    assert not torch.equal(head.weight[3], start[0])


def test_a_step_without_new_classes_is_refused_before_it_trains(tiny, tmp_path):
    runner = Runner.from_cfg(tiny)
    file = tmp_path / 'same.pth'
    torch.save(dict(state_dict=runner.model.state_dict()), file)
    with pytest.raises(ValueError, match='adds no rows to decode_head.conv_seg.weight'):
        WeightFusionHook(str(file)).before_train(runner)


@pytest.mark.parametrize(
    'other',
    [dict(type='EMAHook'), dict(type='EarlyStoppingHook', monitor='mIoU')],
    ids=lambda hook: hook['type'],
)
def test_hooks_that_save_what_is_not_fused_are_refused(incremental, other):
    incremental.custom_hooks += [dict(type='WeightFusionHook'), other]
    match = f'step_0: .*WeightFusionHook and {other["type"]} do not go'
    with pytest.raises(ValueError, match=match):
        ProtocolRunner(incremental).run()
