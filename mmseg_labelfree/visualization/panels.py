"""Sheets of images, label maps and scalar maps beside each other."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from .figures import label_colors, save_figure


def write_panels(
    path: str | os.PathLike,
    columns: Mapping[str, Sequence[ArrayLike]],
    palette: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    side: float = 2.0,
) -> None:
    """Write a sheet with one column per kind of map and one row per image, as PNG.

    What an array is follows from its shape and type:

    - ``(H, W, 3)`` uint8: an RGB image, shown as it is;
    - ``(H, W)`` integer: a label map, colored by ``palette``; 255 is cream, and labels
      from 256 on have the colors of 0 and on;
    - ``(H, W)`` bool: a mask, white where True;
    - ``(H, W)`` floating point: a scalar map on a color scale that the whole column
      shares; NaN stays white.

    Args:
        path: File to write; its folder is made if need be.
        columns: Title -> the arrays of that column, top to bottom. All columns have
            equally many. Tensors on the CPU are taken as well.
        palette: As for :func:`~mmseg_labelfree.visualization.figures.label_colors`.
        classes: Name of each label; those that occur are explained below the sheet.
        rows: Name of each row, written at its left.
        limits: Title -> values at the ends of a scalar column's scale. Defaults to the
            least and largest value in the column.
        side: Width of one picture in inches.

    Raises:
        ValueError: There is no column, the columns differ in length, or an array is
            none of the above.

    Example:
        ``write_panels('panels.png', {'image': [image], 'truth': [label],
        'entropy': [entropy]}, palette=dataset.metainfo['palette'])``
    """
    sheet = {t: [np.asarray(a) for a in arrays] for t, arrays in columns.items()}
    lengths = {title: len(arrays) for title, arrays in sheet.items()}
    if not lengths or len({*lengths.values()}) != 1 or 0 in lengths.values():
        raise ValueError(
            f'the columns of {path} need one array per row each, but have {lengths}'
        )
    colors = label_colors(palette)
    figure, grid = _grid(sheet, side)
    for column, (title, arrays) in enumerate(sheet.items()):
        low_high = (limits or {}).get(title) or _limits(arrays)
        for row, array in enumerate(arrays):
            axes = grid[row][column]
            _show(axes, array, colors, low_high, title)
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(title, fontsize='small')
            if column == 0 and rows is not None:
                axes.set_ylabel(rows[row], fontsize='x-small')
    if classes is not None:
        _add_legend(figure, sheet, colors, classes)
    save_figure(figure, path)


def picture(image: ArrayLike) -> np.ndarray:
    """Convert an image of any channels and range to one for :func:`write_panels`.

    Args:
        image: ``(C, H, W)``, as loaders give it: three channels are BGR; of more the
            first three are shown, of two the first one. What is not 8 bits is stretched
            over its own range.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    Example:
        >>> picture(np.array([[[0.0, 0.5]]]))[0].tolist()
        [[0, 0, 0], [255, 255, 255]]
    """
    values = np.asarray(image)
    values = values[:3][::-1] if len(values) > 2 else values[:1].repeat(3, 0)
    if values.dtype != np.uint8:
        low, high = float(values.min()), float(values.max())
        values = ((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    return np.ascontiguousarray(values.transpose(1, 2, 0))


def loaded_picture(image: np.ndarray) -> np.ndarray:
    """Convert an image as it was loaded from a file, see :func:`picture`.

    Args:
        image: ``(H, W)`` or ``(H, W, C)``.
    """
    return picture(image.reshape(*image.shape[:2], -1).transpose(2, 0, 1))


def _grid(
    columns: Mapping[str, Sequence[np.ndarray]], side: float
) -> tuple[Figure, np.ndarray]:
    arrays = next(iter(columns.values()))
    height, width = np.mean([a.shape[:2] for a in arrays], 0)
    size = (len(columns) * side, len(arrays) * side * height / width + 0.5)
    figure = Figure(figsize=size, layout='constrained')
    return figure, figure.subplots(len(arrays), len(columns), squeeze=False)


def _limits(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """Least and largest finite value of the scalar maps among the arrays."""
    finite = [a[np.isfinite(a)] for a in arrays if a.dtype.kind == 'f']
    values = np.concatenate([np.zeros(0), *finite])
    return (values.min(), values.max()) if values.size else (0.0, 1.0)


def _show(axes, array: np.ndarray, colors: np.ndarray, limits: tuple, title: str):
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        axes.imshow(array)
    elif array.ndim == 2 and array.dtype == bool:
        axes.imshow(array, cmap='gray', vmin=0, vmax=1, interpolation='nearest')
    elif array.ndim == 2 and array.dtype.kind in 'iu':
        axes.imshow(colors[array & 255], interpolation='nearest')
    elif array.ndim == 2 and array.dtype.kind == 'f':
        axes.imshow(array, cmap='viridis', vmin=limits[0], vmax=limits[1])
    else:
        raise ValueError(
            f'column {title!r} has an array of shape {array.shape} and type '
            f'{array.dtype}; images are (H, W, 3) uint8, maps (H, W)'
        )


def _add_legend(figure: Figure, columns: Mapping, colors: np.ndarray, classes) -> None:
    maps = [a for arrays in columns.values() for a in arrays]
    maps = [a.ravel() for a in maps if a.ndim == 2 and a.dtype.kind in 'iu']
    present = np.unique(np.concatenate(maps)) if maps else np.zeros(0, int)
    handles = [
        Patch(color=colors[v & 255] / 255, label=classes[v])
        for v in present
        if v < len(classes)
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc='outside lower center',
            ncols=max(1, min(len(handles), 2 * len(columns))),
            fontsize='x-small',
        )
