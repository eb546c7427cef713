"""Zero-label splits: which classes have training labels and which have none.

The splits of SPNet's and STRICT's experiments (https://arxiv.org/abs/2104.11692,
section 4), in MMSegmentation's names.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmseg.datasets import COCOStuffDataset, PascalVOCDataset

from ...utils.choices import check_names

__all__ = ['SPLITS', 'ZeroLabelSplit', 'get_split']


@dataclass(frozen=True)
class ZeroLabelSplit:
    """Seen and unseen classes of a zero-label task, in the order of the labels.

    Attributes:
        name: Name for logs and metainfo.
        seen: Names of the classes with training labels.
        unseen: Names of those without.

    Raises:
        ValueError: One of the two is empty, or a class is named twice.

    Example:
        >>> ZeroLabelSplit('pets', ('dog', 'cow'), ('cat',)).classes('seen')
        ('background', 'dog', 'cow', 'cat')
    """

    name: str
    seen: tuple[str, ...]
    unseen: tuple[str, ...]

    def __post_init__(self) -> None:
        for kind in ('seen', 'unseen'):
            if not getattr(self, kind):
                raise ValueError(f'split {self.name} has no {kind} class')
        names = self.seen + self.unseen
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f'split {self.name} names {twice} twice; a class is seen or unseen'
            )

    def classes(self, background: str = 'unlabeled') -> tuple[str, ...]:
        """Names in the order of the labels.

        Args:
            background: 'seen' puts the class 'background' first; else there is none.
        """
        first = ('background',) if background == 'seen' else ()
        return (*first, *self.seen, *self.unseen)


def _voc(num_seen: int, num_unseen: int) -> Callable[[], tuple]:
    """The first classes of VOC are seen, the next ones unseen, others unused."""

    def split() -> tuple[tuple[str, ...], tuple[str, ...]]:
        names = PascalVOCDataset.METAINFO['classes'][1:]
        return names[:num_seen], names[num_seen : num_seen + num_unseen]

    return split


# SPNet's numbers 20, 24, 32, 33, 40, 56, 86, 99, 105, 123, 144, 147, 148, 168 and 171
# of COCO-Stuff's 182 labels. 11 of these never occur; MMSegmentation has the rest.
_COCO_UNSEEN = (
    'cow',
    'giraffe',
    'suitcase',
    'frisbee',
    'skateboard',
    'carrot',
    'scissors',
    'cardboard',
    'clouds',
    'grass',
    'playingfield',
    'river',
    'road',
    'tree',
    'wall-concrete',
)


def _coco_stuff() -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = COCOStuffDataset.METAINFO['classes']
    return tuple(n for n in names if n not in _COCO_UNSEEN), _COCO_UNSEEN


SPLITS: dict[str, Callable[[], tuple[tuple[str, ...], tuple[str, ...]]]] = {
    'voc_15-5': _voc(15, 5),
    # The validation protocol for choosing settings: the last 5 classes stay unused.
    'voc_12-3': _voc(12, 3),
    # 155 + 12 seen classes of 182, of which 156 occur.
    'cocostuff_156-15': _coco_stuff,
}


def get_split(
    split: str | Mapping[str, Sequence[str]] | ZeroLabelSplit,
) -> ZeroLabelSplit:
    """Look up a split by name, or make one.

    Args:
        split: A name of :data:`SPLITS`, ``dict(seen=[...], unseen=[...])``, or a split.

    Raises:
        ValueError: The name is unknown, or the classes make no split.

    Example:
        >>> get_split('voc_15-5').unseen
        ('pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor')
    """
    if isinstance(split, ZeroLabelSplit):
        return split
    if isinstance(split, str):
        if split not in SPLITS:
            close = difflib.get_close_matches(split, SPLITS, n=1, cutoff=0)
            raise ValueError(
                f'unknown split {split!r}, close to {close[0]!r}; known are '
                f'{", ".join(SPLITS)}. A split can also be given as '
                'dict(seen=[...], unseen=[...]).'
            )
        return ZeroLabelSplit(split, *SPLITS[split]())
    if not isinstance(split, Mapping) or set(split) != {'seen', 'unseen'}:
        raise ValueError(f'a split is dict(seen=[...], unseen=[...]), not {split!r}')
    check_names(**split)
    seen, unseen = (tuple(split[kind]) for kind in ('seen', 'unseen'))
    return ZeroLabelSplit(f'custom_{len(seen)}-{len(unseen)}', seen, unseen)
