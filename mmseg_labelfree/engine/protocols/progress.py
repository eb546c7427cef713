"""Hook that says how far a run is and how long it still takes, and its clock."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...utils.console import say, say_in_place
from .base import Stage

__all__ = ['ProgressHook', 'StageClock', 'format_seconds']

_LEAST = 5  # iterations before anything is estimated
_ONCE = 5  # times the second longest iteration: what took longer will not come again
_PAUSE = 20.0  # seconds between lines where nothing can be written over


class StageClock:
    """Clock of a training, which estimates the time that is left.

    An iteration takes as long as those of the last tenth of the training did, with all
    that hooks do between them; a validation takes as long as the last one. The first
    iteration, which starts workers and compiles, does not count, and nor does one that
    took far longer than all others: a hook's work of once in a training.

    Args:
        iterations: Iterations of the whole training.
        first_validation: Length of a validation, in iterations, until one was measured.
        validation: Seconds of one, if an earlier stage has measured that.
        now: What tells the time, in seconds.
    """

    def __init__(
        self,
        iterations: int,
        first_validation: float = 0.0,
        validation: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self.first_validation = first_validation
        self.validation = validation
        """Seconds of the last validation."""
        self._last: float | None = None
        self._begun = 0.0
        self._ticks: deque[float] = deque(maxlen=max(10, iterations // 10))

    def iteration(self) -> None:
        """An iteration is done."""
        now = self.now()
        if self._last is not None:
            self._ticks.append(now - self._last)
        self._last = now

    def begin_validation(self) -> None:
        """A validation begins."""
        self._begun = self.now()

    def end_validation(self) -> None:
        """It ends; iterations go on from here."""
        self._last = self.now()
        self.validation = self._last - self._begun

    def seconds(self, iterations: float, validations: int) -> float | None:
        """Estimate how long iterations and validations take; None if too few ran."""
        if len(self._ticks) < _LEAST:
            return None
        tick = _usual(self._ticks)
        guess = self.first_validation * tick
        validation = guess if self.validation is None else self.validation
        return iterations * tick + validations * validation


def _usual(ticks: Iterable[float]) -> float:
    """Mean of some times, without one that is far longer than all others."""
    *others, longest = sorted(ticks)
    kept = others if longest > _ONCE * others[-1] else [*others, longest]
    return sum(kept) / len(kept)


class ProgressHook(Hook):
    """Hook that prints the share of a stage that is done, its loss and the time left.

    On a terminal the line is written over each second, elsewhere there are up to ten
    lines a stage, 20 seconds apart or more. The time of later stages is what they
    would take at the speed of the present one; jobs are not known. The hook belongs to
    the running command, so it is not in the stage configs.

    Args:
        stages: All stages of the run.
        first: Index of the first one that this process runs.
    """

    def __init__(self, stages: list[Stage], first: int = 0) -> None:
        self.stages = stages
        self.current = first
        self.clock = StageClock(0)
        self._printed = (0, -math.inf)  # tenths of the stage, time

    def before_train(self, runner: Runner) -> None:
        """Start the clock of a stage."""
        self.clock = StageClock(
            runner.max_iters, _validation_length(runner), self.clock.validation
        )
        self._printed = (10 * runner.iter // max(runner.max_iters, 1), -math.inf)

    def before_val_epoch(self, runner: Runner) -> None:
        """Measure the validation."""
        self.clock.begin_validation()

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Measure the validation."""
        self.clock.end_validation()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Print a line where it is due."""
        self.clock.iteration()
        done, now = runner.iter + 1, time.monotonic()
        tenths, printed = 10 * done // runner.max_iters, self._printed[1]
        if now - printed < 1 or done == runner.max_iters:
            return
        left = self.clock.seconds(
            runner.max_iters - done, validations_left(runner, done)
        )
        if left is None:
            return
        in_place = say_in_place(self._line(runner, done, left))
        if not in_place and tenths > self._printed[0] and now - printed > _PAUSE:
            say(self._line(runner, done, left))
        elif not in_place:
            return
        self._printed = (tenths, now)

    def _line(self, runner: Runner, done: int, left: float) -> str:
        stage = self.stages[self.current]
        loss = runner.message_hub.get_scalar('train/loss').mean(20)
        text = (
            f'{stage.name}: {done / runner.max_iters:.0%}, loss {loss:.3g}, '
            f'{format_seconds(left)} left'
        )
        later = self._later(runner)
        if later:
            text += f'; all stages: about {format_seconds(left + later)}'
        return text

    def _later(self, runner: Runner) -> float:
        """Seconds of the trainings after this one."""
        own = self.stages[self.current].length
        iterations = runner.max_iters / max(own, 1)  # of an epoch, if it counts these
        later = [s for s in self.stages[self.current + 1 :] if not s.is_job]
        return sum(
            self.clock.seconds(s.length * iterations, _validations(s.cfg, s.length))
            or 0.0
            for s in later
        )


def validations_left(runner: Runner, done: int) -> int:
    """Count the validations of a training after ``done`` iterations."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return 0
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    length = loop.max_epochs if by_epoch else loop.max_iters
    share = length / loop.max_iters  # epochs of an iteration, if it counts these
    passed = max(math.floor(done * share), loop.val_begin - 1)
    regular = length // loop.val_interval - passed // loop.val_interval
    return regular + bool(length % loop.val_interval and passed < length)


def _validations(cfg: Config, length: float) -> int:
    if cfg.get('val_dataloader') is None:
        return 0
    return math.ceil(length / cfg.train_cfg.get('val_interval', 1))


def _validation_length(runner: Runner) -> float:
    """Guess how many iterations a validation takes, as many as its images would."""
    if runner.val_loop is None:
        return 0.0
    batch = getattr(runner.train_dataloader, 'batch_size', None) or 1
    return len(runner.val_dataloader.dataset) / batch


def format_seconds(seconds: float) -> str:
    """Format seconds as ``1 h 02 min``, ``3 min 05 s`` or ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes:02d} min'
    return f'{minutes} min {rest:02d} s' if minutes else f'{rest} s'
