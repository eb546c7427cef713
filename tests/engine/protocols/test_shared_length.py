"""Trainings of other lengths."""

import copy

import pytest
from mmengine.config import Config

from mmseg_labelfree.engine.protocols import ClassIncrementalProtocol, Stage
from mmseg_labelfree.engine.protocols.shared_length import (
    share_iterations,
    shares,
    stretch,
)


def test_shares_are_whole_and_sum_up():
    for lengths in ([1000, 120, 120], [7], [1, 1, 1]):
        for total in (10, 101, 1000):
            assert sum(shares(lengths, total)) == total
    assert shares([800, 400, 400], 800) == [400, 200, 200]


def test_what_counts_iterations_is_stretched(tiny):
    tiny.merge_from_dict(
        dict(
            model=dict(
                warmup_iters=3,
                classifier_iters=2,
                propagation_begin=4,
                contrast_start=2,
                ramp_up=4,  # epochs, as long as nothing says otherwise
            ),
            param_scheduler=[
                dict(type='LinearLR', begin=0, end=1, by_epoch=False),
                dict(type='PolyLR', begin=1, end=6, by_epoch=False),
                dict(type='PolyLR', begin=0, end=6, by_epoch=True),
            ],
            custom_hooks=[
                dict(type='DynamicReassignmentHook', begin=2, by_epoch=False),
                dict(type='DynamicReassignmentHook', begin=2),
                dict(type='EMATeacherHook', copy_iters=3),
            ],
        )
    )
    before = copy.deepcopy(tiny)
    stretch(tiny, 30)
    assert (tiny.train_cfg.max_iters, tiny.train_cfg.val_interval) == (30, 30)
    assert (tiny.model.warmup_iters, tiny.model.ramp_up) == (15, 4)
    assert [(s.begin, s.end) for s in tiny.param_scheduler] == [(0, 5), (5, 30), (0, 6)]
    assert (tiny.model.classifier_iters, tiny.model.propagation_begin) == (10, 20)
    assert tiny.model.contrast_start == 10
    assert [h.begin for h in tiny.custom_hooks[:2]] == [10, 2]
    assert tiny.custom_hooks[2].copy_iters == 15
    stretch(tiny, 6)
    assert tiny.to_dict() == before.to_dict()
    tiny.model.ramp_by_epoch = False
    stretch(tiny, 30)
    assert tiny.model.ramp_up == 20


def test_stages_keep_their_shares_and_find_weights(tiny, incremental):
    later = [dict(type='PolyLR', power=0.9, end=6, by_epoch=False)]
    incremental.protocol.next_steps.param_scheduler = later
    stages = ClassIncrementalProtocol(**_arguments(incremental)).stages(incremental)
    folder = stages[0].cfg.work_dir
    init = dict(type='Pretrained', checkpoint=f'{folder}/iter_6.pth')
    stages[1].cfg.model.backbone.init_cfg = init
    given, stages = stages, share_iterations(stages, 30)
    assert [stage.length for stage in given] == [6, 6, 6]
    # The protocol's later steps share their settings.
    assert [stage.cfg.param_scheduler[0].end for stage in stages] == [10, 10, 10]
    assert [stage.length for stage in stages] == [10, 10, 10]
    assert stages[1].cfg.model.backbone.init_cfg.checkpoint == f'{folder}/iter_10.pth'
    tiny.train_cfg = dict(by_epoch=True, max_epochs=2)
    with pytest.raises(ValueError, match='slow counts epochs; give its config iter'):
        share_iterations([Stage('slow', tiny)], 30)


def _arguments(cfg: Config) -> dict:
    return {key: value for key, value in cfg.protocol.items() if key != 'type'}
