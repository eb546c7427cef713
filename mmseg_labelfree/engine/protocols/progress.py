"""How far a protocol is, over all its stages."""

import time

from mmengine.hooks import Hook
from mmengine.runner import Runner

from .base import Stage


class ProgressHook(Hook):
    """Hook that logs the share of the whole protocol that is done and the time left.

    The time left is what this process has spent so far, scaled by iterations still
    to do (by epochs in epoch-based training, whose number of iterations is not known
    before the data is read). The hook belongs to the running command, so it is not in
    the stage configs.

    Args:
        stages: All stages of the protocol.
        first: Index of the first stage that this process runs.
    """

    def __init__(self, stages: list[Stage], first: int) -> None:
        self.stages = stages
        self.lengths = [s.length for s in stages]
        self.current = first
        self.started = time.monotonic()
        self.done_at_start: float | None = None

    def before_train(self, runner: Runner) -> None:
        """Note where a resumed run starts."""
        if self.done_at_start is None:
            self.done_at_start = self.share_done(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Log a line ten times a stage."""
        if (runner.iter + 1) % max(1, runner.max_iters // 10) == 0:
            done = self.share_done(runner, runner.iter + 1)
            spent = time.monotonic() - self.started
            left = spent * (1 - done) / max(done - (self.done_at_start or 0.0), 1e-9)
            name = self.stages[self.current].name
            runner.logger.info(
                f'Protocol: {name}, stage {self.current + 1} of {len(self.stages)}, '
                f'{done:.0%} of all done, about {format_seconds(left)} left'
            )

    def share_done(self, runner: Runner, iteration: int | None = None) -> float:
        """Share of the protocol that is done, 0 to 1.

        Args:
            runner: The Runner of the current stage.
            iteration: Iterations that the stage has done; by default ``runner.iter``.
        """
        iteration = runner.iter if iteration is None else iteration
        share = iteration / max(runner.max_iters, 1)
        length = sum(self.lengths[: self.current]) + self.lengths[self.current] * share
        return length / sum(self.lengths)


def format_seconds(seconds: float) -> str:
    """Seconds as ``1 h 02 min``, ``3 min 05 s`` or ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes:02d} min'
    return f'{minutes} min {rest:02d} s' if minutes else f'{rest} s'
