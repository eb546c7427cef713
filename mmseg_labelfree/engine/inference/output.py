"""Predictions as files: color masks, overlays, areas of the classes."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from PIL import Image

from ...utils.files import atomic_path, write_text
from ...visualization.figures import write_label_map
from ...visualization.panels import loaded_picture
from .predictor import Prediction

__all__ = ['RESULTS', 'PredictionWriter', 'overlay']

#: Folders of the results in that of a ``PredictionWriter``.
RESULTS = ('masks', 'overlays')


class PredictionWriter:
    """Context that writes predictions to a folder.

    ``masks/NAME.png`` hold class indices, which viewers show in the colors of the
    classes; ``overlays/NAME.jpg`` the image under these colors, ``overlays/NAME.mp4``
    for a video, written at the end if nothing failed; ``areas.csv``, written at the
    end, the pixels and the share of each class in each image.

    Args:
        folder: Is made if need be.
        classes: Name of each class.
        palette: RGB color of each class, 0 to 255.
        opacity: Of the colors in overlays, 0 to 1.
        rates: Frames a second of each video by its name.

    Raises:
        ValueError: The opacity is out of range, there are more classes than a mask of
            8 bits can hold, or the folder has masks of something else.

    Example:
        ``with PredictionWriter('out', classes, palette) as writer:
        writer.write(prediction)``
    """

    def __init__(
        self,
        folder: str | Path,
        classes: Sequence[str],
        palette: Sequence[Sequence[int]],
        opacity: float = 0.5,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        if not 0 <= opacity <= 1:
            raise ValueError(f'opacity={opacity} is not in 0 to 1')
        if len(classes) > 256:
            raise ValueError(
                f'the model has {len(classes)} outputs, and masks of 8 bits hold 256'
            )
        self.folder = Path(folder)
        self._check_folder()
        self.classes = list(classes)
        self.colors = np.array(palette, np.uint8)
        self.opacity = opacity
        self.rates = dict(rates or {})
        self._areas: dict[str, np.ndarray] = {}
        self._videos: dict[str, cv2.VideoWriter] = {}
        self._files = ExitStack()

    def _check_folder(self) -> None:
        """Refuse a folder of other masks, such as those that were made by hand."""
        masks, overlays = (self.folder / kind for kind in RESULTS)
        if masks.exists() and not overlays.exists():
            raise ValueError(
                f'{masks} is there without {overlays}, so it is none of earlier '
                'predictions and might be overwritten: choose another folder'
            )

    def __enter__(self) -> 'PredictionWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)
        if self._areas:
            write_text(self.folder / 'areas.csv', self._table())

    @property
    def number(self) -> int:
        """Images that were written."""
        return len(self._areas)

    def write(self, prediction: Prediction) -> None:
        """Write the files of one image."""
        name, video = prediction.frame.name, prediction.frame.video
        labels = prediction.labels
        write_label_map(self.folder / 'masks' / f'{name}.png', labels, self.colors)
        self._areas[name] = np.bincount(labels.ravel(), minlength=len(self.classes))
        drawn = overlay(prediction.image, labels, self.colors, self.opacity)
        if video is None:
            path = self.folder / 'overlays' / f'{name}.jpg'
            with atomic_path(path) as temporary:
                Image.fromarray(drawn).save(temporary, format='JPEG', quality=90)
        else:
            self._video(video, drawn.shape[:2]).write(drawn[..., ::-1].copy())

    def _video(self, name: str, size: tuple[int, int]) -> cv2.VideoWriter:
        if name not in self._videos:
            path = self.folder / 'overlays' / f'{name}.mp4'
            video = _video_file(path, self.rates.get(name, 25.0), size)
            self._videos[name] = self._files.enter_context(video)
        return self._videos[name]

    def _table(self) -> str:
        """The areas as CSV, one row for each class that an image shows."""
        stream = io.StringIO()
        rows = csv.writer(stream, lineterminator='\n')
        rows.writerow(['image', 'class', 'pixels', 'percent'])
        for image, pixels in self._areas.items():
            areas: dict[str, int] = {}  # several clusters may stand for one class
            for label in np.flatnonzero(pixels):
                name = self.classes[label]
                areas[name] = areas.get(name, 0) + int(pixels[label])
            for name, area in areas.items():
                rows.writerow([image, name, area, f'{100 * area / pixels.sum():.2f}'])
        return stream.getvalue()


@contextmanager
def _video_file(
    path: Path, rate: float, size: tuple[int, int]
) -> Iterator[cv2.VideoWriter]:
    """Context that writes a video of a height and width, whole or not at all."""
    with atomic_path(path) as temporary:
        named = temporary.with_suffix('.mp4')  # OpenCV goes by the ending
        code = cv2.VideoWriter.fourcc(*'mp4v')
        video = cv2.VideoWriter(str(named), code, rate, size[::-1])
        try:
            if not video.isOpened():
                raise ValueError(
                    f'{path} cannot be written: OpenCV here has no encoder for .mp4; '
                    'give the frames as images'
                )
            yield video
            video.release()
            named.replace(temporary)
        finally:
            video.release()
            named.unlink(missing_ok=True)


def overlay(
    image: np.ndarray, labels: np.ndarray, colors: np.ndarray, opacity: float
) -> np.ndarray:
    """Lay the colors of classes over an image.

    Args:
        image: ``(H, W, C)`` or ``(H, W)``, of three channels BGR; what is not 8 bits is
            stretched over its own range.
        labels: Class of each pixel, integers ``(H, W)``.
        colors: RGB color of each class, uint8.
        opacity: Of the colors, 0 to 1.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    Example:
        >>> image = np.zeros((1, 1, 3), np.uint8)
        >>> red = np.array([[255, 0, 0]], np.uint8)
        >>> overlay(image, np.zeros((1, 1), int), red, 0.5).tolist()
        [[[127, 0, 0]]]
    """
    below = loaded_picture(image).astype(np.float32)
    mixed = (1 - opacity) * below + opacity * colors[labels]
    return mixed.astype(np.uint8)
