"""Doubt a part of the clean images again, in the middle of the training."""

from mmseg.registry import HOOKS

from .entropy_ranking_hook import EntropyRankingHook


@HOOKS.register_module()
class DynamicReassignmentHook(EntropyRankingHook):
    """Rank the clean images by the student, and move the worse half of them.

    EUMS (arXiv:2112.01900), section 3.3: a network learns easy images first, so that
    after some epochs it can tell better which cluster labels are wrong. An
    :class:`EntropyRankingHook` with other defaults.

    Args:
        dataset (dict): As for :class:`EntropyRankingHook`.
        num_old_classes (int): As for :class:`EntropyRankingHook`.
        keep (float): Share of the clean images that stay clean (paper: half).
        begin (int): Epoch before which it happens (paper: 5).
        entry (str): Name of the decision in checkpoints and files.
        **kwargs: As for :class:`EntropyRankingHook`.

    Example:
        ``custom_hooks=[dict(type='SamplerStateHook'), dict(
        type='DynamicReassignmentHook', num_old_classes=16, dataset=...)]``
    """

    def __init__(
        self,
        dataset: dict,
        num_old_classes: int,
        keep: float = 0.5,
        begin: int = 5,
        entry: str = 'dynamic_reassignment',
        **kwargs,
    ) -> None:
        super().__init__(
            dataset, num_old_classes, keep, begin=begin, entry=entry, **kwargs
        )
