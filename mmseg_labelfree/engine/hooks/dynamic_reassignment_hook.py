"""Hook that doubts a part of the clean images again, in mid-training."""

from typing import Any

from mmseg.registry import HOOKS

from .entropy_ranking_hook import EntropyRankingHook


@HOOKS.register_module()
class DynamicReassignmentHook(EntropyRankingHook):
    """Hook that ranks the clean images by the student and moves the worse half.

    A network learns easy images first, so that after some epochs it can tell better
    which cluster labels are wrong (EUMS, section 3.3;
    https://arxiv.org/abs/2112.01900). An :class:`EntropyRankingHook` with other
    defaults, whose decision goes by the name ``dynamic_reassignment``.

    Args:
        dataset: As for :class:`EntropyRankingHook`.
        num_old_classes: As for :class:`EntropyRankingHook`.
        keep: Share of the clean images that stay clean (paper: half).
        begin: Epoch before which it happens (paper: 5).
        **kwargs: As for :class:`EntropyRankingHook`.

    Example:
        ``custom_hooks=[dict(type='SamplerStateHook'), dict(
        type='DynamicReassignmentHook', num_old_classes=16, dataset=...)]``
    """

    entry = 'dynamic_reassignment'

    def __init__(
        self,
        dataset: dict,
        num_old_classes: int,
        keep: float = 0.5,
        begin: int = 5,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, num_old_classes, keep, begin=begin, **kwargs)
