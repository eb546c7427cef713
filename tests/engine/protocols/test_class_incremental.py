import json
from pathlib import Path

import pytest

from mmseg_labelfree.engine.protocols import (
    ClassIncrementalProtocol,
    ProtocolRunner,
    build_protocol,
)
from mmseg_labelfree.utils.checkpoint import load_weights


def test_expansion(incremental):
    protocol = build_protocol(incremental)
    assert isinstance(protocol, ClassIncrementalProtocol)
    before = incremental.pretty_text
    stages = protocol.stages(incremental)
    assert incremental.pretty_text == before
    assert [s.name for s in stages] == ['step_0', 'step_1', 'step_2']
    assert [s.note for s in stages] == ['square, bar', 'dot', 'frame']
    heads = [s.cfg.model.decode_head for s in stages]
    assert [h.num_classes for h in heads] == [3, 4, 5]
    assert [h.loss_decode.num_old_classes for h in heads] == [1, 3, 4]
    assert [len(s.cfg.model.distillation) for s in stages] == [0, 1, 1]
    assert [s.cfg.optim_wrapper.optimizer.lr for s in stages] == [0.05, 0.01, 0.01]
    for step, stage in enumerate(stages):
        assert 'protocol' not in stage.cfg
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            assert stage.cfg[loader].dataset.step == step
        hooks = {h.type: h for h in stage.cfg.custom_hooks}
        later = {'IncrementalClassifierInitHook', 'FrozenTeacherHook'}
        assert later & set(hooks) == (later if step else set())
        if step:
            previous = f'{incremental.work_dir}/step_{step - 1}'
            assert {hooks[k].checkpoint for k in later} == {previous}
    groups = stages[1].cfg.val_evaluator.groups
    assert groups == dict(
        old=['square', 'bar'],
        new=['dot'],
        all=['square', 'bar', 'dot'],
        all_and_background=['background', 'square', 'bar', 'dot'],
        step_0=['square', 'bar'],
        step_1=['dot'],
    )
    assert 'new' not in stages[0].cfg.val_evaluator.groups


def test_pretrained_weights_are_read_in_the_first_step_only(incremental):
    init_cfg = dict(type='Pretrained', checkpoint='torchvision://resnet18')
    incremental.model.backbone.init_cfg = init_cfg
    first, second, _ = build_protocol(incremental).stages(incremental)
    assert first.cfg.model.backbone.init_cfg == init_cfg
    assert second.cfg.model.backbone.init_cfg is None


def test_auxiliary_heads_grow_too(incremental):
    head = dict(
        type='FCNHead',
        num_classes=3,
        loss_decode=[dict(type='UnbiasedCrossEntropyLoss', num_old_classes=1)],
    )
    incremental.model.auxiliary_head = [head, head]
    stage = build_protocol(incremental).stages(incremental)[2]
    for aux in stage.cfg.model.auxiliary_head:
        assert aux.num_classes == 5
        assert aux.loss_decode[0].num_old_classes == 4


def test_stock_auxiliary_head_beside_an_unbiased_loss(incremental):
    head = dict(
        type='FCNHead', num_classes=3, loss_decode=dict(type='CrossEntropyLoss')
    )
    for heads in (head, [dict(head), dict(head)]):
        incremental.model.auxiliary_head = heads
        with pytest.raises(ValueError, match='auxiliary_head: its loss_decode has no'):
            build_protocol(incremental).stages(incremental)
    # Fine-tuning teaches both heads the same, and so does joint training.
    incremental.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    assert len(build_protocol(incremental).stages(incremental)) > 1


def test_plain_dataset_is_refused(incremental):
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        incremental[loader].dataset = incremental[loader].dataset.dataset
    with pytest.raises(ValueError, match="datasets wrapped in dict.type='Increm"):
        build_protocol(incremental).stages(incremental)


def test_without_protocol(incremental):
    incremental.pop('protocol')
    (stage,) = build_protocol(incremental).stages(incremental)
    assert stage.cfg.work_dir == incremental.work_dir


def test_class_in_two_steps(incremental):
    incremental.protocol.task = [['square', 'bar'], ['bar']]
    with pytest.raises(ValueError, match='bar'):
        build_protocol(incremental)


def test_base_checkpoint_replaces_step_0(incremental):
    incremental.protocol.base_checkpoint = 'elsewhere/step_0'
    stages = build_protocol(incremental).stages(incremental)
    assert [s.name for s in stages] == ['step_1', 'step_2']
    checkpoints = [s.cfg.custom_hooks[1].checkpoint for s in stages]
    assert checkpoints == ['elsewhere/step_0', f'{incremental.work_dir}/step_1']


def test_stages_hold_what_is_read(incremental):
    incremental.merge_from_dict(
        dict(
            loss=dict(type='CrossEntropyLoss'),
            data_root='somewhere',
            dense_crf=dict(iterations=1),
            tta_pipeline=[dict(type='TestTimeAug')],
            test_pipeline=[dict(type='LoadImageFromFile')],
            find_unused_parameters=True,
        )
    )
    incremental.protocol.next_steps.my_hooks_key = 3
    first, second, _ = build_protocol(incremental).stages(incremental)
    gone = {'loss', 'data_root', 'protocol'}
    assert set(first.cfg.keys()) == (
        set(incremental.keys()) - gone | {'experiment_name'}
    )
    assert set(second.cfg.keys()) - set(first.cfg.keys()) == {
        'load_from',
        'my_hooks_key',
    }


@pytest.mark.parametrize(
    ('options', 'metrics'),
    [
        ({}, ['step_0', 'step_1', 'step_2']),
        (dict(task=[['square', 'bar', 'dot'], ['frame']]), ['old', 'new']),
        (dict(setup='joint'), ['all']),
    ],
)
def test_best_checkpoints_are_handed_on(incremental, options, metrics):
    incremental.protocol.update(options, hand_on='best')
    stages = build_protocol(incremental).stages(incremental)
    for stage, metric in zip(stages, metrics, strict=True):
        saving = stage.cfg.default_hooks.checkpoint
        assert (saving.save_best, saving.rule) == (f'mIoU/{metric}', 'greater')
        assert metric in stage.cfg.val_evaluator.groups
        assert stage.result == f'{stage.cfg.work_dir}/best_*.pth'
    for before, stage in zip(stages, stages[1:], strict=False):
        hooks = [hook for hook in stage.cfg.custom_hooks if 'checkpoint' in hook]
        assert [hook.checkpoint for hook in hooks] == [before.result] * 2


def test_what_is_fused_last_is_not_the_best(incremental):
    incremental.custom_hooks.append(dict(type='WeightFusionHook'))
    incremental.protocol.hand_on = 'best'
    protocol = build_protocol(incremental)
    with pytest.raises(ValueError, match="set hand_on='last', or remove WeightFusion"):
        protocol.check(protocol.stages(incremental))
    incremental.protocol.hand_on = 'first'
    with pytest.raises(ValueError, match="hand_on='first' is unknown"):
        build_protocol(incremental)


@pytest.mark.slow
def test_a_step_goes_on_from_the_best_checkpoint(incremental, run_tool, tmp_path):
    incremental.protocol.hand_on = 'best'
    incremental.train_cfg.val_interval = 2
    path = tmp_path / 'config.py'
    path.write_text(incremental.pretty_text)
    ProtocolRunner(incremental).run('step_0')
    folder = Path(incremental.work_dir) / 'step_0'
    (best,) = folder.glob('best_mIoU_step_0_iter_*.pth')
    marker = folder / 'finished.json'
    first = json.loads(marker.read_text())
    assert first['checkpoint'] == best.name
    marker.unlink()  # as after a kill before its end
    ProtocolRunner(incremental, resume=True).run('step_0')
    assert json.loads(marker.read_text())['metrics'] == first['metrics']
    second = ProtocolRunner(incremental).stage('step_1').cfg
    starts = [load_weights(h.checkpoint)[2] for h in second.custom_hooks[-2:]]
    assert starts == [str(best)] * 2
    done = run_tool('test.py', str(path), '--stage', 'step_0')
    assert done.returncode == 0, done.stdout
    assert (folder / 'test' / best.stem).is_dir()
