"""How far a run is, and how long it still takes."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.runner import EpochBasedTrainLoop

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.engine.protocols.progress import (
    StageClock,
    format_seconds,
    validations_left,
)


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(0.4, '0 s'), (59.6, '1 min 00 s'), (185, '3 min 05 s'), (3725, '1 h 02 min')],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


class Simulation:
    """A training of 400 iterations of about 0.2 s, with four validations of 9 s.

    The first iteration takes 30 s, and the second half is slower by half.
    """

    def __init__(self):
        self.time = 100.0
        self.rng = np.random.default_rng(0)

    def run(self, slower=1.5, pauses=None):
        """Estimates and truths of the time that is left, by iteration."""
        clock = StageClock(400, first_validation=40, now=lambda: self.time)
        estimates, times = {}, {}
        for i in range(1, 401):
            self.time += 30 if i == 1 else self.rng.uniform(0.15, 0.25)
            self.time += 0.1 * (slower - 1) * 2 * (i > 200)
            self.time += (pauses or {}).get(i, 0)
            clock.iteration()
            left = clock.seconds(400 - i, 4 - (i - 1) // 100)
            estimates[i], times[i] = left, self.time
            if i % 100 == 0:
                clock.begin_validation()
                self.time += 9
                clock.end_validation()
        return estimates, {i: self.time - t for i, t in times.items()}


def test_estimates_are_right_within_a_fifth():
    estimates, truths = Simulation().run(slower=1)
    assert estimates[3] is None
    for i in range(40, 390):
        assert estimates[i] == pytest.approx(truths[i], rel=0.2), i


def test_estimates_follow_a_change_of_speed():
    estimates, truths = Simulation().run()
    for i in range(245, 390):
        assert estimates[i] == pytest.approx(truths[i], rel=0.2), i


def test_what_a_hook_does_once_is_not_expected_again():
    estimates, truths = Simulation().run(slower=1, pauses={50: 60.0})
    for i in range(50, 390):
        assert estimates[i] == pytest.approx(truths[i], rel=0.2), i


def test_what_comes_again_and_again_is_expected():
    saved = dict.fromkeys(range(10, 401, 10), 3.0)  # more than the iterations take
    estimates, truths = Simulation().run(slower=1, pauses=saved)
    for i in range(110, 360):
        assert estimates[i] == pytest.approx(truths[i], rel=0.2), i


@pytest.mark.parametrize(
    ('done', 'left'), [(0, 3), (399, 3), (400, 2), (900, 1), (1000, 0)]
)
def test_validations_of_iterations(done, left):
    loop = SimpleNamespace(max_iters=1000, val_interval=400, val_begin=1)
    assert validations_left(SimpleNamespace(train_loop=loop, val_loop=1), done) == left
    assert validations_left(SimpleNamespace(train_loop=loop, val_loop=None), done) == 0


def test_validations_of_epochs():
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    vars(loop).update(
        _max_epochs=10, _max_iters=50, val_interval=2, val_begin=4, _epoch=0
    )
    run = SimpleNamespace(train_loop=loop, val_loop=1)
    assert [validations_left(run, i) for i in (0, 19, 20, 49, 50)] == [4, 4, 3, 1, 0]


@pytest.mark.slow
def test_a_run_prints_few_lines(incremental, capsys):
    ProtocolRunner(incremental).run()
    output = capsys.readouterr().out
    lines = output.splitlines()
    assert len(lines) < 25, output
    assert lines[0].startswith('Stage 1 of 3, step_0: square, bar -> ')
    assert lines[1].startswith('step_0 finished in ') and 'old ' in lines[1]
    assert 'INFO' not in output and 'WARNING' not in output
