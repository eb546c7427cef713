"""Hook that trains the backbone in parts of the training only."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.utils.hooks import RemovableHandle

from ...utils.distributed import bare_model


@HOOKS.register_module()
class FreezeScheduleHook(Hook):
    """Hook that freezes the backbone for parts of the training.

    IDDC, section 4.2.2: end to end, the backbone is fixed for the first two fifths, so
    that the random head does not disturb it, and for the last fifth, so that the
    affinities no longer change. It is in one optimizer with the head all the time, at
    its own rate (``paramwise_cfg``). While it is frozen, its features are computed
    without gradient and the optimizer gets none: no step, momentum or weight decay
    moves it.
    The parameters' ``requires_grad`` does not change, so distributed training needs
    no unused-parameter search. Whether it is frozen follows from the iteration alone,
    also after a resume.

    The segmentor must have ``freeze_backbone`` and ``train_backbone=True``, as
    :class:`~mmseg_labelfree.models.segmentors.DiscriminativeClusteringSegmentor` has.

    Args:
        frozen: Begin and end of each part, as shares of
            the training; the end does not belong to it.

    Raises:
        TypeError: The segmentor cannot freeze its backbone.
        ValueError: A part is outside 0 to 1; the backbone was built frozen.

    Example:
        ``custom_hooks=[dict(type='FreezeScheduleHook')]``
    """

    def __init__(
        self, frozen: Sequence[Sequence[float]] = ((0.0, 2 / 5), (4 / 5, 1.0))
    ) -> None:
        self.frozen = [(float(begin), float(end)) for begin, end in frozen]
        for begin, end in self.frozen:
            if not 0 <= begin < end <= 1:
                raise ValueError(
                    f'FreezeScheduleHook: ({begin}, {end}) is no part of 0 to 1'
                )
        self._handle: RemovableHandle | None = None

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not hasattr(model, 'freeze_backbone'):
            raise TypeError(
                f'{type(model).__name__} has no freeze_backbone: FreezeScheduleHook '
                "needs a segmentor such as 'DiscriminativeClusteringSegmentor'"
            )
        if not model.train_backbone:
            raise ValueError(
                'FreezeScheduleHook: the backbone was built frozen; set '
                'model.train_backbone=True or take the hook out'
            )

    def before_train(self, runner: Runner) -> None:
        """Drop the frozen backbone's gradients before each optimizer step."""
        segmentor: Any = bare_model(runner.model)
        self.check_model(segmentor, runner.hooks)
        parts = [segmentor.backbone, getattr(segmentor, 'neck', None)]
        parameters = [p for part in parts if part for p in part.parameters()]

        def rest(optimizer: Any, args: Any, kwargs: Any) -> None:
            if segmentor.backbone_frozen:
                for parameter in parameters:
                    parameter.grad = None

        optimizer = runner.optim_wrapper.optimizer
        self._handle = optimizer.register_step_pre_hook(rest)
        self._set(runner, first=True)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Freeze or release the backbone when its part begins."""
        self._set(runner)

    def after_train(self, runner: Runner) -> None:
        """Remove the hook from the optimizer."""
        if self._handle is not None:
            self._handle.remove()

    def _set(self, runner: Runner, first: bool = False) -> None:
        segmentor: Any = bare_model(runner.model)
        done = runner.iter / runner.max_iters
        frozen = any(begin <= done < end for begin, end in self.frozen)
        if first or frozen != segmentor.backbone_frozen:
            segmentor.freeze_backbone(frozen)
            state = 'rests' if frozen else 'learns'
            runner.logger.info(f'the backbone {state} from iteration {runner.iter} on')
