"""Point labels from full label maps."""

import numpy as np
from mmseg.registry import TRANSFORMS

from .files import draw_points
from .simulator import WeakLabelSimulator
from .strokes import inner_point


@TRANSFORMS.register_module()
class SimulatePoints(WeakLabelSimulator):
    """Transform that labels one point per object, from the inner half of its mask.

    An object is an 8-connected component of a class: instances that touch count as one,
    an instance in two parts as two. See
    :func:`mmseg_labelfree.datasets.transforms.weak.strokes.inner_point` for the draw
    and :class:`WeakLabelSimulator` for keys and the other arguments.

    Args:
        per: ``'component'``, or ``'class'`` for one point in the largest
            component of each class. Defaults to ``'component'``.
        radius: A point becomes a square of ``2 * radius + 1`` pixels, as in
            ``LoadPointAnnotations``; it may reach beyond the object. Defaults to 0.
        seed, min_area, void: See :class:`WeakLabelSimulator`.
        background: Whether class 0 gets points. False is object segmentation
            as in 'What's the Point', True scene parsing. Defaults to False.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        ``[dict(type='LoadAnnotations'), dict(type='SimulatePoints', radius=1)]``
    """

    def __init__(
        self,
        per: str = 'component',
        radius: int = 0,
        seed: int = 0,
        background: bool = False,
        min_area: int = 1,
        void: str = 'unlabeled',
    ) -> None:
        super().__init__(seed, background, min_area, void)
        if per not in ('component', 'class'):
            raise ValueError(f"per must be 'component' or 'class', got {per!r}")
        if radius < 0:
            raise ValueError(f'radius must be at least 0, got {radius}')
        self.largest = per == 'class'
        self.radius = radius

    def draw(self, labels, found, rng):
        """Draw one square for each component."""
        points = []
        for value, (rows, columns), mask in found:
            x, y = inner_point(mask, rng)
            points.append((columns.start + x, rows.start + y, value))
        draw_points(labels, np.reshape(points, (-1, 3)).astype(int), self.radius)
