"""Scribbles from full label maps."""

from mmseg.registry import TRANSFORMS

from .simulator import WeakLabelSimulator
from .strokes import stroke


@TRANSFORMS.register_module()
class SimulateScribbles(WeakLabelSimulator):
    """Transform that labels one stroke along the middle of each object.

    An object is an 8-connected component of a class. The stroke follows the longest
    path through its skeleton and never leaves it; see
    :func:`mmseg_labelfree.datasets.transforms.weak.strokes.stroke`, and
    :class:`WeakLabelSimulator` for keys and the other arguments.

    Args:
        width: Width of a stroke in pixels, odd; less where the object is
            narrower. Defaults to 3.
        trim: At most this share of the path is cut from each end, drawn at
            random: people seldom draw to the tip. Below 0.5. Defaults to 0.2.
        seed, min_area, void: See :class:`WeakLabelSimulator`.
        background: Whether class 0 gets strokes, as in ScribbleSup. Defaults
            to True.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        ``[dict(type='LoadAnnotations'), dict(type='SimulateScribbles', width=3)]``
    """

    def __init__(
        self,
        width: int = 3,
        trim: float = 0.2,
        seed: int = 0,
        background: bool = True,
        min_area: int = 1,
        void: str = 'unlabeled',
    ) -> None:
        super().__init__(seed, background, min_area, void)
        if width < 1 or width % 2 == 0:
            raise ValueError(f'width must be an odd number of pixels, got {width}')
        if not 0 <= trim < 0.5:
            raise ValueError(f'trim must be at least 0 and below 0.5, got {trim}')
        self.width = width
        self.trim = trim

    def draw(self, labels, found, rng):
        """Draw one stroke for each component."""
        for value, window, mask in found:
            labels[window][stroke(mask, rng, self.width, self.trim)] = value
