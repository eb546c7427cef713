"""Images, folders and videos to predict."""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...utils.image_files import IMAGE_SUFFIXES, image_files

__all__ = ['Frame', 'Media', 'VIDEO_SUFFIXES', 'find_media']

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')


@dataclass(frozen=True)
class Frame:
    """One image to predict.

    Attributes:
        name: What its results are called: a path without ending.
        image: File of the image, or a frame of a video, uint8 ``(H, W, 3)``, BGR.
        video: Name of the video that it is of, None for an image.
    """

    name: str
    image: Path | np.ndarray
    video: str | None = None


@dataclass(frozen=True)
class Media:
    """An image or video file to predict.

    Attributes:
        name: What its results are called: a path without ending.
        path: The file.
    """

    name: str
    path: Path

    @property
    def is_video(self) -> bool:
        """Whether the file is a video."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def __len__(self) -> int:
        """Number of images; of a video what its file says, 0 where it says nothing."""
        if not self.is_video:
            return 1
        return max(0, int(_opened(self.path).get(cv2.CAP_PROP_FRAME_COUNT)))

    @property
    def rate(self) -> float:
        """Frames a second of a video."""
        return _opened(self.path).get(cv2.CAP_PROP_FPS) or 25.0

    def frames(self) -> Iterator[Frame]:
        """Yield the image, or the frames of the video one after another.

        Warns of a video that ends more than a second before its file says.
        """
        if not self.is_video:
            yield Frame(self.name, self.path)
            return
        video, number = _opened(self.path), 0
        while True:
            found, image = video.read()
            if not found:
                break
            yield Frame(f'{self.name}/{number:06d}', image, self.name)
            number += 1
        if len(self) - number > self.rate:
            warnings.warn(
                f'{self.path} has {len(self)} frames by its head, of which {number} '
                'can be read: it is damaged',
                stacklevel=2,
            )


def find_media(
    paths: Sequence[str | Path], left_out: Sequence[str | Path] = ()
) -> list[Media]:
    """List the images and videos that paths stand for.

    Args:
        paths: Image files, video files, and folders, which stand for all images and
            videos in them and below.
        left_out: Folders whose files do not count where they lie below one of
            ``paths``, such as those of earlier results.

    Returns:
        In the order of the paths. Files in a folder are called by their path below it,
        others by their own name, without ending.

    Raises:
        FileNotFoundError: A path is missing, or a folder holds nothing to predict.
        ValueError: A file is neither image nor video, or two have one name.
    """
    without = [Path(folder).resolve() for folder in left_out]
    found = [media for path in paths for media in _of_path(Path(path), without)]
    videos = {media.name: media.path for media in found if media.is_video}
    names: dict[str, Path] = {}
    for media in found:
        folder, _, last = media.name.rpartition('/')
        video = videos.get(folder) if re.fullmatch(r'\d{6,}', last) else None
        other = video or names.get(media.name)
        if other is not None:
            raise ValueError(
                f'{other} and {media.path} would both be called {media.name!r} in the '
                'results: predict them apart'
            )
        names[media.name] = media.path
    return found


def _of_path(path: Path, without: Sequence[Path]) -> list[Media]:
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist')
    if path.is_dir():
        files = image_files(path, (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))
        root = path.resolve()
        below = [f.relative_to(root) for f in without if f.is_relative_to(root)]
        files = [f for f in files if not any(Path(f).is_relative_to(b) for b in below)]
        if not files:
            raise FileNotFoundError(f'{path} holds no image and no video')
        return [Media(str(Path(f).with_suffix('')), path / f) for f in files]
    if path.suffix.lower() not in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
        raise ValueError(
            f'{path} is neither an image ({", ".join(IMAGE_SUFFIXES)}) nor a video '
            f'({", ".join(VIDEO_SUFFIXES)})'
        )
    return [Media(path.stem, path)]


def _opened(path: Path) -> cv2.VideoCapture:
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise ValueError(
            f'{path} cannot be read as a video: convert it to .mp4 or .avi'
        )
    return video
