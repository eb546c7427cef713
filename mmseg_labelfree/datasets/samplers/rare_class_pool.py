"""Pool that is drawn from by rare class sampling."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.rare_class_sampling import rare_class_probabilities
from .pools import SourcePool, source_indices
from .seeded import SeededIndex

__all__ = ['RareClassPool', 'rare_class_pool']


class RareClassPool(SourcePool):
    """Pool whose draws pick a class first, rare ones more often, and then an image.

    Rare class sampling (DAFormer, https://arxiv.org/abs/2111.14887): a class by
    :func:`~mmseg_labelfree.ops.rare_class_probabilities`, then one of the images that
    hold more than ``min_pixels`` pixels of it, all with the same probability. There are
    no passes: an image may come again at once. A draw depends on the seed, the name of
    the pool and its position alone.

    Args:
        name: Name of the source.
        members: Indices of its samples in the dataset, ascending.
        seed: Seed of the run.
        pixels: Pixels of each class in each sample ``(len(members), num_classes)``.
        classes: Names of the classes, for messages.
        temperature: The smaller, the more often rare classes are drawn.
        min_pixels: Of the class in the whole image. DAFormer's number is for images of
            1280 x 720 and more.

    Raises:
        ValueError: A class occurs, but no image has that many pixels of it; or
            ``temperature`` is out of range.
    """

    def __init__(
        self,
        name: str,
        members: np.ndarray,
        seed: int,
        pixels: np.ndarray,
        classes: Sequence[str],
        temperature: float = 0.01,
        min_pixels: int = 3000,
    ) -> None:
        super().__init__(name, members, seed, shuffle=True)
        totals = pixels.sum(0)
        self.probabilities = rare_class_probabilities(totals, temperature)
        self.images = [members[column > min_pixels] for column in pixels.T]
        for cls, images, total in zip(classes, self.images, totals, strict=True):
            if total and not len(images):
                raise ValueError(
                    f'rare class sampling: no image of source {name!r} has more than '
                    f'min_pixels={min_pixels} pixels of {cls!r}; set a smaller number'
                )

    def draw(self, position: int) -> SeededIndex:
        """Draw a class and a sample; the index carries the class as ``rare_class``."""
        rng = np.random.default_rng((self.seed, self.tag, position, 2))
        steps = self.probabilities.cumsum()
        cls = int(np.searchsorted(steps, rng.random() * steps[-1], side='right'))
        return self.seeded(rng.choice(self.images[cls]), position, cls)


def rare_class_pool(
    dataset: Any, name: str, seed: int, **settings: Any
) -> RareClassPool:
    """Make the pool of a source, with the classes of its masks counted.

    Args:
        dataset: A ``SourceDataset`` or a ``ConcatDataset`` of several.
        name: Name of the source.
        seed: Seed of the run.
        **settings: ``temperature`` and ``min_pixels`` of :class:`RareClassPool`.

    Raises:
        ValueError: There is no such source, or it has no labels.
    """
    members = source_indices(dataset)
    if name not in members:
        raise ValueError(
            f'rare class sampling: there is no source {name!r}, but {list(members)}'
        )
    parts = [p for p in getattr(dataset, 'datasets', [dataset]) if p.source == name]
    if not all(getattr(part, 'labeled', False) for part in parts):
        raise ValueError(f'rare class sampling: source {name!r} has no labels')
    pixels = np.concatenate([part.class_pixels() for part in parts])
    classes = dataset.metainfo['classes']
    return RareClassPool(name, members[name], seed, pixels, classes, **settings)
