"""Masks of another encoding: the label files of GTA5 and SYNTHIA."""

import io
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import mmcv
import numpy as np
from mmengine import fileio
from mmengine.dataset import Compose
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS
from PIL import Image

from ...ops.label_maps import IGNORE, apply_table, loaded_labels, lookup_table
from .check_mask import check_mask, photo_size
from .pipelines import edit_pipeline

__all__ = [
    'ForeignAnnotationLoader',
    'LoadGTAAnnotations',
    'LoadSynthiaAnnotations',
    'load_with',
]

# Label ids of Cityscapes that have a trainId, in the order of the trainIds.
CITYSCAPES_IDS = (
    *(7, 8, 11, 12, 13, 17, 19, 20, 21, 22),
    *(23, 24, 25, 26, 27, 28, 31, 32, 33),
)
LAST_CITYSCAPES_ID = 34  # license plate
# The same of SYNTHIA. Three never occur: 16 (terrain), 18 (truck) and 20 (train).
SYNTHIA_IDS = (3, 4, 2, 21, 5, 7, 15, 9, 6, 16, 1, 10, 17, 8, 18, 19, 20, 12, 11)
LAST_SYNTHIA_ID = 22  # lane marking


def _train_ids(ids: tuple[int, ...]) -> np.ndarray:
    return lookup_table({label: train for train, label in enumerate(ids)}, IGNORE)


class ForeignAnnotationLoader(LoadAnnotations):
    """Base class of the transforms that load masks of another encoding.

    They take the place of ``LoadAnnotations``, and nothing need be converted before.
    Test pipelines load a mask after the image was resized: its size is that of the
    image's file. One of another size is resized to that, by nearest neighbor, in
    datasets that are known to have such; see ``resizes``.

    Required keys: ``seg_map_path``, ``seg_fields``; ``label_map``, and ``ori_shape``
    or ``img``, where there are any. Added key: ``gt_seg_map``, uint8 ``(H, W)``.

    Args:
        backend_args: Of the file backend, see ``mmengine.fileio``.

    Raises:
        ValueError: While loading, for a file of another encoding, or of another size
            than its image.
    """

    table: np.ndarray
    """Label of each raw value, int16 ``(256,)``."""
    last: int
    """Largest raw value that a file may hold."""
    remedy: str
    """What to do about a file of another encoding."""
    resizes = True
    """Whether a mask of another size than its image is resized, or else refused."""

    def __init__(self, backend_args: Mapping[str, Any] | None = None) -> None:
        super().__init__(backend_args=backend_args and dict(backend_args))

    @abstractmethod
    def decode(self, content: bytes) -> np.ndarray:
        """Decode a file to raw values, integers ``(H, W)``; ValueError if it cannot."""

    def read(self, path: str | os.PathLike) -> np.ndarray:
        """Read the raw values of a mask, uint8 ``(H, W)``.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It has another encoding, or is damaged.
        """
        content = fileio.get(path, backend_args=self.backend_args)
        try:
            raw = self.decode(content)
            if (largest := raw.max()) > self.last:
                raise ValueError(f'it holds {largest}, and labels end at {self.last}')
        except (OSError, SyntaxError, EOFError, ValueError) as error:
            raise ValueError(
                f'mask {path} cannot be read ({error}): {self.remedy}'
            ) from None
        return raw.astype(np.uint8, copy=False)

    def labels(self, label_map: Mapping[int, int] | None = None) -> np.ndarray:
        """Label of each raw value, int16 ``(256,)``, under a ``label_map``."""
        return loaded_labels(label_map=label_map)[self.table]

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        path = results['seg_map_path']
        raw = self.read(path)
        labels = apply_table(raw, self.labels(results.get('label_map')))
        size = photo_size(results)
        if size is not None and not self.resizes:
            check_mask(labels.shape, size, results.get('img_path'), path)
        elif size is not None and size != labels.shape:
            labels = mmcv.imresize(labels, size[::-1], interpolation='nearest')
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend_args={self.backend_args})'


@TRANSFORMS.register_module()
class LoadGTAAnnotations(ForeignAnnotationLoader):
    """Transform that loads a mask of GTA5: a palette PNG of Cityscapes' label ids.

    The palette's index is read, not its color. The 19 ids that Cityscapes is scored on
    become trainIds 0 to 18, all others 255.

    Args:
        backend_args: Of the file backend, see ``mmengine.fileio``.

    Raises:
        ValueError: While loading, for a file that is no palette PNG of label ids, such
            as one that is converted already.

    Example:
        ``[dict(type='LoadImageFromFile'), dict(type='LoadGTAAnnotations'), ...]``
    """

    table = _train_ids(CITYSCAPES_IDS)
    last = LAST_CITYSCAPES_ID
    remedy = (
        "give GTA5's own palette PNGs of label ids; files that are converted to "
        "trainIds already are read by dict(type='CityscapesDataset', "
        "img_suffix='.png', seg_map_suffix='_labelTrainIds.png')"
    )

    def decode(self, content: bytes) -> np.ndarray:
        """Decode the index of each pixel, uint8 ``(H, W)``."""
        with Image.open(io.BytesIO(content)) as image:
            if image.mode != 'P':
                raise ValueError(f'it has no palette but mode {image.mode}')
            return np.asarray(image)


@TRANSFORMS.register_module()
class LoadSynthiaAnnotations(ForeignAnnotationLoader):
    """Transform that loads a mask of SYNTHIA-RAND-CITYSCAPES.

    Its files in ``GT/LABELS`` are PNGs of three channels of 16 bits with the label in
    the red one. Labels of Cityscapes' classes become trainIds 0 to 18, all others
    (void, parking, road work, lane marking) 255.

    Args:
        backend_args: Of the file backend, see ``mmengine.fileio``.

    Raises:
        ValueError: While loading, for a file with other bits, channels or labels, such
            as one that is converted already.

    Example:
        ``[dict(type='LoadImageFromFile'), dict(type='LoadSynthiaAnnotations'), ...]``
    """

    table = _train_ids(SYNTHIA_IDS)
    last = LAST_SYNTHIA_ID
    remedy = (
        "give SYNTHIA's own 16-bit PNGs of GT/LABELS; files that are converted to "
        "trainIds already are read by dict(type='CityscapesDataset', "
        "img_suffix='.png', seg_map_suffix='_labelTrainIds.png')"
    )

    def decode(self, content: bytes) -> np.ndarray:
        """Decode the red channel, uint16 ``(H, W)``."""
        buffer = np.frombuffer(content, np.uint8)
        image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)  # blue, green, red
        if image is None:
            raise ValueError('it is no image')
        channels = image.shape[2] if image.ndim == 3 else 1
        if channels != 3 or image.dtype != np.uint16:
            raise ValueError(f'it has {channels} channel(s) of {image.dtype}')
        return image[..., 2]


def load_with(
    pipeline: Compose, loader: Callable[[Any], ForeignAnnotationLoader]
) -> Compose:
    """Copy a built pipeline with ``loader`` in place of each ``LoadAnnotations``.

    Args:
        pipeline: The pipeline.
        loader: Called with ``backend_args``.
    """

    def edit(transform: Any) -> list:
        if type(transform) is LoadAnnotations:
            return [loader(transform.backend_args)]
        return [transform]

    return edit_pipeline(pipeline, edit)
