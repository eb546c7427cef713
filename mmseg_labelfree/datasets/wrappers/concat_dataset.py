"""Concatenated datasets of which the unlabeled ones have no classes."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.dataset import ConcatDataset as _ConcatDataset
from mmseg.registry import DATASETS

__all__ = ['ConcatDataset']


@DATASETS.register_module()
class ConcatDataset(_ConcatDataset):
    """Concatenation of datasets; unlabeled sources may be of any other dataset.

    MMEngine's ``ConcatDataset`` wants the same classes and palette of all parts. An
    unlabeled :class:`~mmseg_labelfree.datasets.SourceDataset` has neither, so here the
    labeled parts alone are compared, and theirs is the meta information of the whole.

    Args:
        datasets: Configs of datasets; a dataset that is a wrapper has to be a config.
        lazy_init: As in MMEngine.
        ignore_keys: As in MMEngine.

    Example:
        ``dict(type='ConcatDataset', datasets=[dict(type='SourceDataset',
        source='labeled', ...), dict(type='SourceDataset', source='unlabeled',
        labeled=False, ...)])``
    """

    def __init__(
        self,
        datasets: Sequence[Any],
        lazy_init: bool = False,
        ignore_keys: str | list[str] | None = None,
    ) -> None:
        labeled = [d for d in datasets if _is_labeled(d)]
        super().__init__(
            labeled or datasets[:1], lazy_init=True, ignore_keys=ignore_keys
        )
        known = iter(self.datasets)
        self.datasets: list[Any] = [
            next(known) if any(d is one for one in labeled) else DATASETS.build(d)
            for d in datasets
        ]
        if not lazy_init:
            self.full_init()


def _is_labeled(dataset: Any) -> bool:
    """Whether a dataset, or the config of one, has labels."""
    if isinstance(dataset, Mapping):
        return dataset.get('labeled', True)
    return getattr(dataset, 'labeled', True)
