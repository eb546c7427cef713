"""Object masks from class masks."""

from collections.abc import Sequence

from mmseg.registry import TRANSFORMS

from ...ops.label_maps import IGNORE, lookup_table
from .map_labels import MapLabels

__all__ = ['ObjectMask']


@TRANSFORMS.register_module()
class ObjectMask(MapLabels):
    """Transform that makes classes 1 (object) or 0 (background); 255 stays.

    For training :class:`~mmseg_labelfree.models.SaliencyNet` on any dataset
    with class masks. It belongs right after ``LoadAnnotations``, see ``MapLabels``.

    Args:
        classes: Labels of the objects. Defaults to 1 to 254.
        others: New label of all further classes: 0, or 255 to ignore them.
            The background, label 0, is always 0 unless it is in ``classes``.

    Raises:
        ValueError: ``classes`` holds 255 or none, or ``others`` is neither 0 nor 255.

    Example:
        ``dict(type='ObjectMask', classes=[12, 13, 15])``
    """

    def __init__(self, classes: Sequence[int] | None = None, others: int = 0) -> None:
        objects = list(range(1, IGNORE) if classes is None else classes)
        if not objects or IGNORE in objects:
            raise ValueError(
                f'ObjectMask: classes must be labels other than {IGNORE}, got {objects}'
            )
        if others not in (0, IGNORE):
            raise ValueError(f'ObjectMask: others must be 0 or {IGNORE}, got {others}')
        mapping = {0: 0, IGNORE: IGNORE} | dict.fromkeys(objects, 1)
        super().__init__(lookup_table(mapping, others))
