"""Pictures of single predictions: image, label and prediction side by side."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..utils.files import atomic_path, reading, write_text
from .figures import label_colors

__all__ = ['PredictionStrips', 'Strip', 'strip_part', 'write_strip']

_FOLDER = 'predictions'
_GAP = 4  # pixels between pictures


@dataclass(frozen=True)
class Strip:
    """File of one image, its label and its prediction.

    Attributes:
        group: Why it is shown, such as ``worst``.
        name: Name of the image.
        iou: Mean IoU of the classes in the image, in percent, if it is known.
        file: The file, from the folder of the stage.
    """

    group: str
    name: str
    iou: float | None
    file: str

    @property
    def caption(self) -> str:
        """Name and IoU."""
        return self.name if self.iou is None else f'{self.name}, mIoU {self.iou:.1f}'


@dataclass(frozen=True)
class PredictionStrips:
    """Strips of a stage, listed in ``predictions/index.json`` of its folder.

    Attributes:
        colors: RGB color of each class by its name.
        shown: Names of the classes that the strips show.
        strips: The strips.
    """

    colors: Mapping[str, Sequence[int]]
    shown: Sequence[str]
    strips: list[Strip] = field(default_factory=list)

    @classmethod
    def read(cls, folder: str | os.PathLike) -> 'PredictionStrips | None':
        """Read those of a stage; None if it has none.

        Raises:
            ValueError: The list is damaged.
        """
        path = Path(folder, _FOLDER, 'index.json')
        if not path.is_file():
            return None
        with reading(path, 'delete it'):
            content = json.loads(path.read_text(encoding='utf-8'))
            strips = [Strip(**strip) for strip in content['strips']]
            return cls(content['colors'], content['shown'], strips)

    def write(self, folder: str | os.PathLike) -> None:
        """Write the list; the strips are files already."""
        text = json.dumps(asdict(self), indent=2)
        write_text(Path(folder, _FOLDER, 'index.json'), text + '\n')

    def groups(self) -> dict[str, list[Strip]]:
        """Return the strips of each group."""
        found: dict[str, list[Strip]] = {}
        for strip in self.strips:
            found.setdefault(strip.group, []).append(strip)
        return found


def write_strip(
    folder: str | os.PathLike,
    name: str,
    image: np.ndarray,
    maps: Sequence[np.ndarray],
    palette: np.ndarray,
    height: int = 240,
) -> str:
    """Write an image and label maps side by side, as JPEG.

    Args:
        folder: Folder of the stage.
        name: Name of the file without ending.
        image: uint8 ``(H, W, 3)``, RGB.
        maps: Label maps, integers ``(H, W)``; 255 is cream.
        palette: uint8 ``(K, 3)``, RGB color of each label.
        height: Of the strip, in pixels.

    Returns:
        The file's path from the folder.

    Raises:
        OSError: The disk is full.
    """
    colors = label_colors(palette)
    parts = [_at_height(image, height, Image.Resampling.BILINEAR)]
    parts += [
        _at_height(colors[labels], height, Image.Resampling.NEAREST) for labels in maps
    ]
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    joined = np.concatenate([p for part in parts for p in (gap, part)][1:], axis=1)
    file = f'{_FOLDER}/{name}.jpg'
    with atomic_path(Path(folder, file)) as temporary:
        Image.fromarray(joined).save(temporary, 'JPEG', quality=90, subsampling=0)
    return file


def strip_part(file: str | os.PathLike, part: int, parts: int = 3) -> np.ndarray:
    """Cut one picture out of a strip of :func:`write_strip`.

    Args:
        file: The strip.
        part: Index of the picture, 0 for the image.
        parts: Number of pictures.

    Returns:
        uint8 ``(H, W, 3)``, RGB.
    """
    with Image.open(file) as image:
        pixels = np.asarray(image.convert('RGB'))
    step = (pixels.shape[1] + _GAP) // parts
    return pixels[:, part * step : (part + 1) * step - _GAP]


def _at_height(image: np.ndarray, height: int, method: Image.Resampling) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return np.asarray(Image.fromarray(image).resize((width, height), method))
