import pytest

from mmseg_labelfree.engine.protocols.base import Stage
from mmseg_labelfree.engine.protocols.useless_settings import useless_settings


def lines(cfg, **changes):
    cfg.merge_from_dict(changes)
    return useless_settings(Stage('a', cfg))


def test_nothing_is_said_of_settings_that_act(semi, incremental, novel, iddc):
    for cfg in (semi, incremental, novel, iddc):
        assert lines(cfg) == []


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model.warmup_iters': 6}, 'model.warmup_iters=6 leaves nothing of the 6'),
        ({'model.mixing_prob': 0.5}, 'model.mixing_prob=0.5 does nothing without'),
        (
            {'custom_hooks.0': dict(type='A', begin=6, by_epoch=False)},
            'custom_hooks.0.begin=6: A never acts, as the training ends at 6',
        ),
        ({'param_scheduler.0.end': 8}, 'param_scheduler.0.end=8 is not reached'),
        ({'param_scheduler.0.begin': 6}, 'param_scheduler.0.begin=6: it never acts'),
        ({'param_scheduler.0.type': 'LinearLR'}, 'param_scheduler.0 warms up until'),
        (
            dict(param_scheduler=[dict(type='PolyLR', end=6)]),
            'param_scheduler.0 (PolyLR) counts epochs, and a training by iterations',
        ),
        (
            {'default_hooks.checkpoint': dict(_delete_=True, type='A', interval=2)},
            'default_hooks.checkpoint.interval=2 counts epochs',
        ),
        (
            {
                'model.decode_head.loss_decode': dict(
                    _delete_=True, type='UnbiasedCrossEntropyLoss', num_old_classes=4
                )
            },
            'UnbiasedCrossEntropyLoss(num_old_classes=4) is for a step of a task',
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else '',
)
def test_what_does_nothing(changes, message, tiny):
    (line,) = lines(tiny, **changes)
    assert line.startswith(message)


def test_epochs_are_counted_where_there_are_some(tiny):
    by_epoch = dict(type='PolyLR', end=6)
    converted = dict(by_epoch, convert_to_iter_based=True)
    after_validation = dict(type='ReduceOnPlateauLR', monitor='mIoU', rule='greater')
    assert lines(tiny, param_scheduler=[converted, after_validation]) == []
    tiny.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=6)
    assert lines(tiny, param_scheduler=[by_epoch]) == []


def test_schedules_of_several_optimizers_are_left_to_them(tiny):
    schedule = dict(type='PolyLR', end=9)
    tiny.param_scheduler = dict(a=schedule, b=[schedule])
    assert lines(tiny) == []


def test_a_length_in_other_units_is_unknown(tiny):
    assert lines(tiny, custom_hooks=[dict(type='A', begin=99)]) == []
    job = tiny.to_dict() | dict(job=dict(type='KMeansJob'))
    assert useless_settings(Stage('a', type(tiny)(job))) == []
