"""Transform that loads points in place of full label maps."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmseg.registry import TRANSFORMS

from ....ops.label_maps import INVALID, UNLABELED
from .files import (
    Fault,
    draw_points,
    read_point_array,
    read_point_file,
    unlabeled_map,
)
from .loader import (
    VOC_CLASSES,
    WeakAnnotationLoader,
    by_size,
    no_annotation,
    wrong_size,
)


@TRANSFORMS.register_module()
class LoadPointAnnotations(WeakAnnotationLoader):
    """Transform that loads labeled points, one or a few for each object.

    See :class:`WeakAnnotationLoader` for keys, other arguments and bad annotations.

    Args:
        ann_file: The JSON file of 'What's the Point' for all images,
            see :class:`~mmseg_labelfree.datasets.transforms.weak.files.PointFile`,
            parsed when the transform is built. Or a folder with one ``.npy`` file per
            image, as ADE20K's points: an integer label map ``(H, W)`` with 0 =
            unlabeled, or rows (y, x, class).
        radius: A point becomes a square of ``2 * radius + 1`` pixels; 2 gives
            the 5 x 5 of MiB's code. Defaults to 0.
        source_classes, classes, invalid: See :class:`WeakAnnotationLoader`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the JSON file is none of points, or an argument is wrong.

    Example:
        VOC, then ADE20K, whose dataset has ``reduce_zero_label=True``::

            dict(type='LoadPointAnnotations', ann_file='data/points.json')
            dict(type='LoadPointAnnotations', ann_file='data/points/',
                 source_classes=151)
    """

    def __init__(
        self,
        ann_file: str | os.PathLike,
        radius: int = 0,
        source_classes: Sequence[str] | int = VOC_CLASSES,
        classes: Sequence[str | int] | Mapping[str | int, int] | None = None,
        invalid: str = 'raise',
    ) -> None:
        super().__init__(source_classes, classes, invalid)
        if radius < 0:
            raise ValueError(f'radius must be at least 0, got {radius}')
        self.radius = radius
        self.ann_file = Path(ann_file)
        if not self.ann_file.exists():
            raise FileNotFoundError(
                f'ann_file {ann_file} does not exist: get the points (a JSON file or '
                'a folder of .npy files) as data/README.md says, or correct the path'
            )
        self.points = None
        if not self.ann_file.is_dir():
            self.points = read_point_file(self.ann_file)

    def has_annotation(self, image_id: str) -> bool:
        """Whether the JSON file names the image, or there is a file for it."""
        if self.points:
            return image_id in self.points.ranges
        return self.annotation_path(image_id).is_file()

    def annotation_path(self, image_id: str) -> Path:
        """Return the JSON file, or the ``.npy`` file of the image."""
        return self.ann_file if self.points else self.ann_file / f'{image_id}.npy'

    def draw(
        self,
        path: Path,
        image_id: str,
        size: tuple[int, int],
        table: np.ndarray,
        faults: list[Fault],
    ) -> np.ndarray:
        """Draw the points that are within the image and of a known class."""
        labels = unlabeled_map(size)
        if self.points:
            points, bad = self.points[image_id]
            faults += bad
        else:
            try:
                points, found = read_point_array(path)
            except FileNotFoundError:
                points, found = np.empty((0, 3), np.int64), None
            except ValueError as error:
                faults.append(Fault(str(error)))
                return labels
            if found not in (None, size):
                faults.append(wrong_size(found, size))
                return labels
        if not len(points) and not faults:
            faults.append(no_annotation())
        x, y, number = points.T
        known = (number >= 0) & (number < self.num_source)
        label = np.where(known, table[np.where(known, number, 0)], INVALID)
        inside = (x >= 0) & (y >= 0) & (x < size[1]) & (y < size[0])
        for i in np.flatnonzero(~(known & inside)):
            what = f'point (x={x[i]}, y={y[i]}) of class {number[i]}'
            if known[i]:
                message = f'{what} is outside the image of {by_size(size)} pixels'
            else:
                message = f'the class of {what} is not 0 to {self.num_source - 1}'
                message += ', see source_classes'
            faults.append(Fault(message, int(label[i])))
        good = known & inside & (label != UNLABELED)
        draw_points(labels, np.stack([x, y, label], 1)[good], self.radius)
        return labels

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(ann_file={str(self.ann_file)!r}, '
            f'radius={self.radius}, invalid={self.invalid!r})'
        )
