"""Sources of saliency maps: a folder, a network, a method without training."""

import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.device import get_device
from mmseg.registry import MODELS, TASK_UTILS
from PIL import Image

from ...ops.robust_background import robust_background_saliency
from ...utils.checkpoint import check_finished, load_weights, resolve_checkpoint
from ...utils.choices import check_range
from ...utils.files import atomic_path, reading
from .masked_features import IMAGENET_MEAN, IMAGENET_STD
from .result_folder import ResultFolder


class SaliencySource(ABC):
    """Base class of sources of saliency maps, registered in ``TASK_UTILS``."""

    @abstractmethod
    def saliency(self, image: np.ndarray, image_id: str) -> np.ndarray:
        """Compute how salient each pixel is.

        Args:
            image: uint8 ``(H, W, 3)``, BGR as OpenCV and MMCV read it.
            image_id: Its name, as of :func:`~mmseg_labelfree.engine.jobs.image_names`.

        Returns:
            uint8 ``(H, W)``, 0 to 255.
        """

    def check(self, image_id: str) -> None:  # noqa: B027 (optional)
        """Raise a FileNotFoundError if an image has no map; here it can be made."""


@TASK_UTILS.register_module()
class SaliencyFolder(SaliencySource):
    """Source that reads existing maps, one 8-bit grayscale PNG per image.

    EUMS takes those of BASNet, made beforehand. A map has the shape of its image, at
    any size.

    Args:
        folder: Folder of the maps, ``<image name>.png``.

    Raises:
        FileNotFoundError: An image has no map.
        ValueError: A map is not an 8-bit grayscale image, or would be stretched over
            its image.

    Example:
        ``saliency=dict(type='SaliencyFolder', folder='data/voc/Saliency')``
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)

    def path(self, image_id: str) -> Path:
        """Return the file of an image's map."""
        return self.folder / f'{image_id}.png'

    def has_map(self, image_id: str) -> bool:
        """Whether :meth:`saliency` gives a map of this image."""
        return self.path(image_id).is_file()

    def check(self, image_id: str) -> None:
        """See :meth:`SaliencySource.check`."""
        if not self.has_map(image_id):
            raise FileNotFoundError(
                f'image {image_id} has no saliency map {self.path(image_id)}: correct '
                "`folder`, or make the maps with dict(type='SaliencyJob', ...)"
            )

    def saliency(self, image: np.ndarray, image_id: str) -> np.ndarray:
        """See :meth:`SaliencySource.saliency`."""
        self.check(image_id)
        path = self.path(image_id)
        with reading(path, 'make this saliency map again'):
            with Image.open(path) as file:
                mode, values = file.mode, np.asarray(file)
        if mode != 'L':
            raise ValueError(
                f'saliency map {path} has image mode {mode}; it must be 8-bit '
                'grayscale (mode L)'
            )
        height, width = image.shape[:2]
        if values.shape == (height, width):
            return values
        if abs(values.shape[0] * width - values.shape[1] * height) > max(height, width):
            raise ValueError(
                f'saliency map {path} is {values.shape}, its image '
                f'{image.shape[:2]}: make the map again, of the image as the pipeline '
                'loads it (turned by its EXIF tag or not), and in its shape'
            )
        return cv2.resize(values, (width, height))


@TASK_UTILS.register_module()
class CachedSaliency(SaliencyFolder):
    """Source that computes each map of another source once and keeps it as 8-bit PNG.

    Several processes may share the folder, and a stopped run leaves no half of a map.

    Args:
        source: Config of the source of maps that do not exist yet.
        folder: Folder of the maps; is made if need be.

    Attributes:
        results: The folder as a :class:`~mmseg_labelfree.engine.jobs.ResultFolder`.

    Raises:
        ValueError: The folder holds maps of another source, or of other weights.
    """

    def __init__(self, source: Mapping[str, Any], folder: str | os.PathLike) -> None:
        super().__init__(folder)
        self.results = ResultFolder(folder, source)
        self.source = TASK_UTILS.build(source)

    def has_map(self, image_id: str) -> bool:
        """True: a map that is not there is made."""
        return True

    def saliency(self, image: np.ndarray, image_id: str) -> np.ndarray:
        """See :meth:`SaliencySource.saliency`."""
        if image_id not in self.results:
            values = self.source.saliency(image, image_id)
            with atomic_path(self.path(image_id)) as temporary:
                Image.fromarray(values).save(temporary, format='PNG')
        return super().saliency(image, image_id)


def saliency_in_files(
    source: Mapping[str, Any], folder: str | os.PathLike
) -> SaliencyFolder:
    """Build a source that keeps its maps in files.

    Args:
        source: Config of a :class:`SaliencySource`.
        folder: Where maps are kept that are not files yet.

    Returns:
        The source itself if it reads files, otherwise a :class:`CachedSaliency`.

    Raises:
        FileNotFoundError: The folder of a ``SaliencyFolder`` is not there.
    """
    check_saliency(source)
    kind = TASK_UTILS.get(source['type'])
    if kind is not None and issubclass(kind, SaliencyFolder):
        return TASK_UTILS.build(source)
    return CachedSaliency(source, folder)


def check_saliency(source: Mapping[str, Any]) -> None:
    """Raise if a source has unknown arguments, or its folder or weights are missing.

    Args:
        source: Config of a :class:`SaliencySource`.

    Raises:
        FileNotFoundError: Names the folder, or the checkpoint, whose stage may be
            unfinished.
        TypeError: An argument is misspelled, or missing.
    """
    arguments = {key: value for key, value in source.items() if key != 'type'}
    inspect.signature(TASK_UTILS.get(source['type'])).bind(**arguments)
    if source.get('checkpoint'):
        check_finished(source['checkpoint'])
        resolve_checkpoint(source['checkpoint'])
    if source['type'] == 'SaliencyFolder' and not Path(source['folder']).is_dir():
        raise FileNotFoundError(
            f'there is no folder of saliency maps {source["folder"]}: correct '
            "saliency.folder, or make the maps with dict(type='SaliencyJob', ...)"
        )


@TASK_UTILS.register_module()
class RobustBackgroundSaliency(SaliencySource):
    """Source without any weights, by robust background detection.

    See :func:`~mmseg_labelfree.ops.robust_background.robust_background_saliency`. It
    needs 0.1 to 0.2 s for an image on one core, and finds objects far less reliably
    than a trained network. Its maps are dark: thresholds of 0.1 to 0.2 fit it better
    than 0.5.

    Args:
        num_superpixels: Superpixels of an image, about.
    """

    def __init__(self, num_superpixels: int = 200) -> None:
        check_range(2, num_superpixels=num_superpixels)
        self.num_superpixels = num_superpixels

    def saliency(self, image: np.ndarray, image_id: str) -> np.ndarray:
        """See :meth:`SaliencySource.saliency`."""
        rgb = np.ascontiguousarray(image[..., ::-1])
        return _to_bytes(robust_background_saliency(rgb, self.num_superpixels))


@TASK_UTILS.register_module()
class NetworkSaliency(SaliencySource):
    """Source that runs a trained network, such as ``SaliencyNet``.

    Args:
        model: Config of the network: with ``mode='tensor'`` it returns a list whose
            first entry is the final logits ``(1, 1, H, W)``. Its images are normalized
            by ImageNet's mean and standard deviation.
        checkpoint: Its weights: a file, or the folder of a training run.
        size: Height and width that an image is squashed to. BASNet: (256, 256). None
            leaves its size.
        stretch: Stretch each map to 0..1, as BASNet's authors do for their maps.
            Without an object in the image this brings out noise.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The weights do not fit the network.

    Example:
        ``saliency=dict(type='NetworkSaliency', model=dict(type='SaliencyNet'),
        checkpoint='basnet_mmseg.pth', size=(256, 256))``
    """

    def __init__(
        self,
        model: dict,
        checkpoint: str,
        size: Sequence[int] | None = (256, 256),
        stretch: bool = True,
    ) -> None:
        if size is not None:
            check_range(1, height=size[0], width=size[1])
        self.size = None if size is None else tuple(size)
        self.stretch = stretch
        self.device = get_device()
        self.mean, self.std = (
            torch.tensor(v, device=self.device).view(1, 3, 1, 1)
            for v in (IMAGENET_MEAN, IMAGENET_STD)
        )
        self.model = MODELS.build(model)
        weights, _, filename = load_weights(checkpoint)
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(
                f'the weights in {filename} do not fit the saliency network: {error}'
            ) from error
        self.model.to(self.device)
        self.model.eval()

    @torch.no_grad()
    def saliency(self, image: np.ndarray, image_id: str) -> np.ndarray:
        """See :meth:`SaliencySource.saliency`."""
        rgb = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))
        x = torch.from_numpy(rgb).to(self.device)[None].float()
        if self.size is not None:
            x = F.interpolate(x, self.size, mode='bilinear', antialias=True)
        logits = self.model((x - self.mean) / self.std, mode='tensor')[0]
        values = logits.float().sigmoid()
        values = F.interpolate(values, image.shape[:2], mode='bilinear')[0, 0]
        if self.stretch:
            span = (values.max() - values.min()).clamp(min=1e-6)
            values = (values - values.min()) / span
        return _to_bytes(values.cpu().numpy())


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)
