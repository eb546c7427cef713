"""Points and strokes drawn from full label maps as an annotator might place them.

All functions work on one connected component, a bool patch ``(h, w)`` that is False
outside of it, and cost time by the size of the patch.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from skimage.morphology import skeletonize

from .files import draw_line


class Component(NamedTuple):
    """Connected region (8 neighbors) of one class.

    Attributes:
        value: The class.
        window: Its bounding box in the label map.
        mask: Bool patch of the size of the box.
    """

    value: int
    window: tuple[slice, slice]
    mask: np.ndarray


def image_rng(name: str, seed: int) -> np.random.Generator:
    """Make a random generator that depends on the two arguments alone.

    Args:
        name: Name of the image, the same on every machine.
        seed: Not negative.
    """
    return np.random.default_rng([seed, crc32(name.encode())])


def components(
    labels: np.ndarray, skip: set[int], min_area: int = 1, largest: bool = False
) -> Iterator[Component]:
    """Find the connected components of a label map, class by class, in a fixed order.

    Args:
        labels: uint8 ``(H, W)``.
        skip: Labels that are left out.
        min_area: Components of fewer pixels are left out, unless the component
            is the largest of its class.
        largest: Only the largest of each class.
    """
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256])
    for value in np.flatnonzero(counts).tolist():
        if value in skip:
            continue
        pixels = np.equal(labels, value).view(np.uint8)
        _, number, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
        area = stats[1:, cv2.CC_STAT_AREA]
        keep = (area >= min_area) & (not largest)
        keep[area.argmax()] = True
        for i in np.flatnonzero(keep).tolist():
            left, top, width, height, _ = stats[i + 1].tolist()
            window = slice(top, top + height), slice(left, left + width)
            yield Component(value, window, number[window] == i + 1)


def inner_point(mask: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Draw a pixel of the inner half of a component.

    Annotators who are asked to click on an object click well inside of it, not on its
    outline: the pixel is drawn evenly from those whose distance to the component's
    border (the edge of the image is one) is at least the median.

    Args:
        mask: Bool ``(h, w)`` with at least one pixel.
        rng: Gives one number.

    Returns:
        x and y in the patch.
    """
    padded = cv2.copyMakeBorder(
        mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
    )
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)
    distance = distance[1:-1, 1:-1].ravel()
    # Positive in the component and 0 elsewhere.
    inner = np.flatnonzero(distance >= np.median(distance[mask.ravel()]))
    y, x = divmod(int(rng.choice(inner)), mask.shape[1])
    return x, y


def stroke(
    mask: np.ndarray, rng: np.random.Generator, width: int = 3, trim: float = 0.2
) -> np.ndarray:
    """Draw a stroke along the middle of a component, as a bool patch like the mask.

    The longest of the shortest paths through the skeleton of the component's largest
    part, cut at both ends and widened. It is 8-connected and never leaves the
    component. The skeleton of a large component is that of a coarser grid, about 100
    cells long, whose cells lie inside the component as a whole.

    Args:
        mask: Bool ``(h, w)``, one component with at least one pixel.
        rng: Gives two numbers, for the ends.
        width: Width in pixels, odd.
        trim: At most this share of the path is cut from each end, below 0.5.
    """
    # With an odd step the line between two neighboring cells stays within them, also
    # when they only share a corner.
    step = max(mask.shape) // 100 | 1
    cells = _whole_cells(mask, step)
    while not cells.any():
        step = step // 2 | 1
        cells = _whole_cells(mask, step)
    skeleton = skeletonize(cells)
    if not skeleton.any():  # a square of 2 x 2 can vanish
        skeleton.flat[cells.argmax()] = True
    path = longest_path(skeleton)
    first, last = (rng.uniform(0, trim, 2) * len(path)).astype(int)
    path = path[first : len(path) - last]
    line = np.zeros(mask.shape, np.uint8)
    draw_line(line, (path[:, ::-1] * step + step // 2).astype(np.int32), 1, width=1)
    inside = mask.view(np.uint8)
    for _ in range(width // 2):
        # Pixel by pixel, so that it does not jump over a gap.
        line = np.bitwise_and(cv2.dilate(line, np.ones((3, 3), np.uint8)), inside)
    return line.view(bool)


def _whole_cells(mask, step):
    """Cells of step x step pixels that are True everywhere."""
    height, width = (side // step for side in mask.shape)
    cells = mask[: height * step, : width * step].reshape(height, step, width, step)
    return cells.all((1, 3))


def longest_path(skeleton: np.ndarray) -> np.ndarray:
    """The longest of the shortest paths through the largest part of a skeleton.

    Two searches: from any pixel to the farthest one, and from there to the farthest.
    That is exact for a tree; for a skeleton with loops it is a long path.

    Args:
        skeleton: Bool ``(h, w)`` with at least one pixel.

    Returns:
        Rows (y, x) from end to end, neighbors 8-connected.
    """
    pixels = np.argwhere(skeleton)
    if len(pixels) == 1:
        return pixels
    padded = np.full(np.add(skeleton.shape, 2), -1)
    padded[1:-1, 1:-1][skeleton] = np.arange(len(pixels))
    starts, ends, lengths = [], [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbor = padded[pixels[:, 0] + 1 + dy, pixels[:, 1] + 1 + dx]
        start = np.flatnonzero(neighbor >= 0)
        starts.append(start)
        ends.append(neighbor[start])
        lengths.append(np.full(len(start), np.hypot(dy, dx)))
    edges = np.concatenate(starts), np.concatenate(ends)
    graph = sparse.csr_array(
        (np.concatenate(lengths), edges), shape=(len(pixels), len(pixels))
    )
    _, part = csgraph.connected_components(graph, directed=False)
    start = np.flatnonzero(part == np.bincount(part).argmax())[0]
    start = _farthest(csgraph.dijkstra(graph, directed=False, indices=start))
    distance, previous = csgraph.dijkstra(
        graph, directed=False, indices=start, return_predecessors=True
    )
    node, path = _farthest(distance), []
    while node >= 0:
        path.append(node)
        node = previous[node]
    return pixels[path]


def _farthest(distance):
    return np.where(np.isinf(distance), -1, distance).argmax()
