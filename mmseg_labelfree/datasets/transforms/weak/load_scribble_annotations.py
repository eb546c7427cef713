"""Transform that loads scribbles in place of full label maps."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmseg.registry import TRANSFORMS

from ....ops.label_maps import IGNORE, INVALID, UNLABELED
from .files import (
    Fault,
    draw_line,
    read_mask,
    read_scribble_xml,
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
class LoadScribbleAnnotations(WeakAnnotationLoader):
    """Transform that loads scribbles from ScribbleSup's XML or masks made of it.

    See :class:`WeakAnnotationLoader` for keys, other arguments and bad annotations. A
    stroke with one corner outside the image is a bad annotation as a whole.

    Args:
        folder: Folder with one file per image.
        suffix: ``'.xml'`` for strokes with class names, ``'.png'`` for masks
            (8 bits, gray or palette) of class numbers with 255 = unlabeled.
            Defaults to ``'.xml'``.
        width: Width in pixels of the lines that strokes are drawn with; masks
            have their own. Defaults to 3.
        source_classes, classes, invalid: See :class:`WeakAnnotationLoader`.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If an argument is wrong.

    Example:
        ``dict(type='LoadScribbleAnnotations', folder='data/pascal_2012_scribble',
        suffix='.png')``
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        suffix: str = '.xml',
        width: int = 3,
        source_classes: Sequence[str] | int = VOC_CLASSES,
        classes: Sequence[str | int] | Mapping[str | int, int] | None = None,
        invalid: str = 'raise',
    ) -> None:
        super().__init__(source_classes, classes, invalid)
        if suffix not in ('.xml', '.png'):
            raise ValueError(f"suffix must be '.xml' or '.png', got {suffix!r}")
        if width < 1:
            raise ValueError(f'width must be at least 1, got {width}')
        if suffix == '.xml' and not self.names:
            raise ValueError(
                'strokes in XML have class names: set source_classes to the names, '
                f'not to {source_classes}'
            )
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f'there is no folder {folder} with scribbles')
        self.suffix = suffix
        self.width = width

    def has_annotation(self, image_id: str) -> bool:
        """Whether there is a file for the image."""
        return self.annotation_path(image_id).is_file()

    def annotation_path(self, image_id: str) -> Path:
        """Return the ``.xml`` or ``.png`` file of the image."""
        return self.folder / f'{image_id}{self.suffix}'

    def draw(
        self,
        path: Path,
        image_id: str,
        size: tuple[int, int],
        table: np.ndarray,
        faults: list[Fault],
    ) -> np.ndarray:
        """Draw the strokes, or map the mask."""
        draw = self._draw_strokes if self.suffix == '.xml' else self._map_mask
        try:
            return draw(path, size, table, faults)
        except FileNotFoundError:
            faults.append(no_annotation())
        except ValueError as error:
            faults.append(Fault(str(error)))
        return unlabeled_map(size)

    def _draw_strokes(
        self,
        path: Path,
        size: tuple[int, int],
        table: np.ndarray,
        faults: list[Fault],
    ) -> np.ndarray:
        labels = unlabeled_map(size)
        strokes, found, bad = read_scribble_xml(path)
        faults += bad
        if found not in (None, size):
            faults.append(wrong_size(found, size))
            return labels
        if not strokes and not faults:
            faults.append(no_annotation())
        for tag, corners in strokes:
            if tag not in self.names:
                faults.append(
                    Fault(
                        f'unknown class {tag!r}; if it is another name for one of '
                        'VOC, name all classes as in this file in source_classes'
                    )
                )
                continue
            label = int(table[self.names[tag]])
            outside = ((corners < 0) | (corners >= size[::-1])).any(1)
            if outside.any():
                x, y = corners[outside.argmax()]
                message = (
                    f'a stroke of {tag!r} has the corner (x={x}, y={y}) outside the '
                    f'image of {by_size(size)} pixels'
                )
                faults.append(Fault(message, label))
            elif label != UNLABELED:
                draw_line(labels, corners, label, self.width)
        return labels

    def _map_mask(
        self,
        path: Path,
        size: tuple[int, int],
        table: np.ndarray,
        faults: list[Fault],
    ) -> np.ndarray:
        mask = read_mask(path)
        if mask.shape != size:
            faults.append(wrong_size(mask.shape, size))
            return unlabeled_map(size)
        table = table.copy()
        table[IGNORE] = UNLABELED
        labels = table[mask]
        values = np.unique(mask[labels == INVALID]).tolist()
        if values:
            message = f'classes {values} are not 0 to {self.num_source - 1}'
            faults.append(Fault(f'{message}, see source_classes'))
        elif (mask == IGNORE).all():
            faults.append(no_annotation())
        return np.where(labels == INVALID, UNLABELED, labels).astype(np.uint8)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(folder={str(self.folder)!r}, '
            f'suffix={self.suffix!r}, width={self.width}, invalid={self.invalid!r})'
        )
