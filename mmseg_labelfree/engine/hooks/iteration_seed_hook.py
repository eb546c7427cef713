"""Random state of the training step as a function of the iteration."""

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...datasets.samplers.seeded import seed_everything


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Hook that seeds the generators from (run seed, rank, iteration) before each step.

    Dropout masks and other random numbers of a training step then depend on the
    iteration alone, so a run that was stopped and resumed draws the same ones as a
    run that was not, and no generator state has to be saved. The data's random
    numbers are the samplers' business
    (:mod:`mmseg_labelfree.datasets.samplers.seeded`). Costs some microseconds a step
    and never waits for the device.

    Example:
        ``custom_hooks=[dict(type='IterationSeedHook')]``
    """

    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed ``random``, NumPy and torch."""
        seed_everything((runner.seed, get_rank(), runner.iter))
