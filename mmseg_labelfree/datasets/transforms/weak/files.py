"""Files of points and scribbles, and how they are drawn: plain arrays in and out.

A reader refuses a file that is no such file at all with a ValueError that says what is
wrong. What is wrong with a single annotation comes back as a :class:`Fault`, because
the caller may want to go on without it.
"""

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np
from PIL import Image

from ....ops.label_maps import UNLABELED


class Fault(NamedTuple):
    """Annotation that cannot be used, and why.

    Attributes:
        message: What and why, with the value; the caller adds file and image.
        label: Label that it would have had, -1 if that is not known.
    """

    message: str
    label: int = -1


class PointFile:
    """Points of a 'What's the Point' JSON file (Bearman et al., ECCV 2016).

    The file is an object: image id to a list of ``{"cls": 12, "x": 139, "y": 86}``;
    further keys, such as ``rank``, are not read. ``cls`` is a class number, ``x`` and
    ``y`` count pixels from the top left corner; fractions are cut off. Ten thousand
    images take well under a megabyte here.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON or not an object with at least one image.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            content = json.loads(Path(path).read_bytes())
        except ValueError as error:
            raise ValueError(f'{path} is not JSON: {error}') from None
        if not isinstance(content, dict) or not content:
            raise ValueError(
                f'{path} must hold an object with the points of at least one image, '
                '{"image id": [{"cls": 1, "x": 0, "y": 0}]}, but holds '
                f'{json.dumps(content)[:60]}'
            )
        rows: list[tuple[int, int, int]] = []
        self.faults: dict[str, list[Fault]] = {}
        self.ranges: dict[str, tuple[int, int]] = {}
        for image_id, points in content.items():
            start = len(rows)
            for point in points if isinstance(points, list) else [points]:
                try:
                    rows.append(_point(point))
                except (KeyError, TypeError, ValueError, OverflowError):
                    fault = Fault(
                        f'{json.dumps(point)[:80]} is not a point with the whole '
                        'number "cls" and the numbers "x" and "y"'
                    )
                    self.faults.setdefault(image_id, []).append(fault)
            self.ranges[image_id] = start, len(rows)
        self.rows = np.array(rows, np.int32).reshape(-1, 3)

    def __getitem__(self, image_id: str) -> tuple[np.ndarray, list[Fault]]:
        """Return an image's points as int32 rows (x, y, class), and what was wrong."""
        start, stop = self.ranges.get(image_id, (0, 0))
        return self.rows[start:stop], self.faults.get(image_id, [])


def _point(point: Any) -> tuple[int, int, int]:
    x, y, value = point['x'], point['y'], point['cls']
    if any(isinstance(v, bool | str) for v in (x, y, value)) or value != int(value):
        raise ValueError
    row = math.floor(x), math.floor(y), int(value)
    if max(map(abs, row)) >= 2**31:
        raise ValueError
    return row


def read_point_file(path: str | Path) -> PointFile:
    """Read a :class:`PointFile`, parsed once per process unless the file changes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a file of points.
    """
    stat = Path(path).stat()
    return _cached_point_file(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _cached_point_file(path: str, modified: int, size: int) -> PointFile:
    return PointFile(path)


def read_point_array(path: str | Path) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Read the points of an image from an ``.npy`` file, as ADE20K's are distributed.

    The file holds integers: a label map ``(H, W)`` with 0 = unlabeled, or one row
    (y, x, class) for each point, ``(K, 3)``.

    Args:
        path: The file.

    Returns:
        int64 rows (x, y, class), and (H, W) of a label map or None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds anything else.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f'no readable array: {error}') from None
    if array.ndim != 2 or array.dtype.kind not in 'iu':
        raise ValueError(
            'neither an integer label map (H, W) nor integer rows (y, x, class), but '
            f'{array.dtype} of shape {array.shape}'
        )
    if array.shape[1] == 3:
        return array[:, [1, 0, 2]].astype(np.int64), None
    y, x = array.nonzero()
    return np.stack([x, y, array[y, x]], 1).astype(np.int64), array.shape


class Stroke(NamedTuple):
    """Scribble: the name of its class, and int32 corners (x, y), ``(K, 2)``."""

    tag: str
    corners: np.ndarray


def read_scribble_xml(
    path: str | Path,
) -> tuple[list[Stroke], tuple[int, int] | None, list[Fault]]:
    """Read the scribbles of an image in ScribbleSup's XML (Lin et al., CVPR 2016).

    Each ``polygon`` has a ``tag``, the name of the class, and ``point`` elements with
    ``X`` and ``Y`` in pixels; fractions are cut off.

    Args:
        path: The file.

    Returns:
        The strokes in the order of the file, (height, width) from ``size`` or
        None where it is missing, and what could not be read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not XML or ``size`` is not two whole numbers.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f'not XML: {error}') from None
    strokes, faults = [], []
    for number, polygon in enumerate(root.iter('polygon'), 1):
        tag = (polygon.findtext('tag') or '').strip()
        corners = _corners(polygon)
        if tag and len(corners):
            strokes.append(Stroke(tag, corners))
        else:
            what = 'no points with numbers X and Y' if tag else 'no tag'
            faults.append(Fault(f'polygon {number} {tag!r} has {what}'))
    return strokes, _image_size(root), faults


def _image_size(root: ElementTree.Element) -> tuple[int, int] | None:
    """(height, width) from the element ``size``, None where it is missing."""
    if root.find('size') is None:
        return None
    height, width = (root.findtext(f'size/{name}', '') for name in ('height', 'width'))
    try:
        return int(height), int(width)
    except ValueError:
        raise ValueError(
            f'height and width in <size> are {height!r} and {width!r}, not whole '
            'numbers'
        ) from None


def _corners(polygon: ElementTree.Element) -> np.ndarray:
    """Corners (x, y) of a polygon, int32 ``(K, 2)``; none if one is no number."""
    try:
        corners = [
            [math.floor(float(point.findtext(axis, ''))) for axis in 'XY']
            for point in polygon.iter('point')
        ]
        return np.array(corners, np.int32).reshape(-1, 2)
    except (ValueError, OverflowError):
        return np.empty((0, 2), np.int32)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask of class numbers, uint8 ``(H, W)``, from a gray or palette image.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no such image.
    """
    try:
        with Image.open(path) as image:
            mask = np.array(image)
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f'no readable image: {error}') from None
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(
            f'not a mask of 8 bits in one channel, but {mask.dtype} of shape '
            f'{mask.shape}'
        )
    return mask


def unlabeled_map(size: tuple[int, int]) -> np.ndarray:
    """Make a label map (height, width) without any label: uint8, 254 everywhere."""
    return np.full(size, UNLABELED, np.uint8)


def labeled_classes(labels: np.ndarray) -> tuple[int, ...]:
    """List the classes in a weak label map, ascending: U of MiB, eq. 13."""
    return tuple(k for k in np.unique(labels).tolist() if k < UNLABELED)


def draw_points(labels: np.ndarray, points: np.ndarray, radius: int = 0) -> None:
    """Draw points as squares into a label map, in place.

    Later squares cover earlier ones, but no square covers the center of another.

    Args:
        labels: uint8 ``(H, W)``.
        points: Integer rows (x, y, label) within the map.
        radius: A square is ``2 * radius + 1`` pixels wide, cut at the edge of
            the map.
    """
    if radius:
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, 1, -1)
        x, y = points[:, :1] + x, points[:, 1:2] + y
        inside = (x >= 0) & (y >= 0) & (x < labels.shape[1]) & (y < labels.shape[0])
        values = np.broadcast_to(points[:, 2:], x.shape)
        labels[y[inside], x[inside]] = values[inside]
    labels[points[:, 1], points[:, 0]] = points[:, 2]


def draw_line(labels: np.ndarray, corners: np.ndarray, label: int, width: int) -> None:
    """Draw a polyline into a label map, in place.

    Args:
        labels: uint8 ``(H, W)``, C-contiguous.
        corners: int32 rows (x, y), at least one.
        label: Label of the line.
        width: Width of the line in pixels.
    """
    corners = np.concatenate([corners, corners[-1:]])  # one corner alone is not drawn
    cv2.polylines(labels, [corners], isClosed=False, color=label, thickness=width)
