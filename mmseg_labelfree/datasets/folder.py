"""Dataset of a folder of images, some of which may have a mask."""

import os.path as osp
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mmengine.dataset import Compose
from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from mmseg.registry import DATASETS

from ..utils.image_files import image_files
from .splits.step_images import read_image_list
from .transforms.load_color_annotations import LoadColorAnnotations
from .transforms.load_foreign_annotations import load_with

__all__ = ['FolderDataset']

COLORS = PascalVOCDataset.METAINFO['palette']


@DATASETS.register_module()
class FolderDataset(BaseSegDataset):
    """Dataset of all images in a folder and the folders below it.

    An image's mask has its name, in the folder of the masks and at the same place
    below it; both may have any ending of an image file. No list is needed, and an image
    may have no mask: ``has_mask`` chooses. Masks hold class indices, 255 for pixels
    that count for nothing, or colors. A folder of masks may lie in that of the images,
    or be the same one if ``seg_map_suffix`` tells masks from images.

    Args:
        has_mask: True for the images with a mask, False for those without. Defaults to
            None, all images.
        color_masks: Whether each class is a color, that of ``metainfo['palette']``.
        ignored_colors: Colors of pixels that count for nothing, RGB.
        data_prefix: Folders of images and masks below ``data_root``. Without
            ``seg_map_path`` no image has a mask.
        img_suffix: What image names end with, such as ``'_photo.jpg'``; only what
            stands before the file's own ending counts.
        seg_map_suffix: The same of masks, such as ``'_mask.png'``.
        **kwargs: Further arguments of ``mmseg.datasets.BaseSegDataset``; ``metainfo``
            holds ``classes`` and may hold ``palette`` (default the colors of PASCAL
            VOC for up to 21 classes), ``ann_file`` may name some of the images.

    Raises:
        FileNotFoundError: The folder of the images is missing.
        ValueError: It holds no image, or none that ``has_mask`` asks for; two images or
            two masks have one name; ``color_masks`` without a palette.

    Example:
        ``dict(type='FolderDataset', data_root='data/own', data_prefix=dict(
        img_path='images/train', seg_map_path='masks/train'), has_mask=True,
        metainfo=dict(classes=['background', 'cell']), pipeline=[...])``
    """

    pipeline: Compose

    def __init__(
        self,
        has_mask: bool | None = None,
        color_masks: bool = False,
        ignored_colors: Sequence[Sequence[int]] = (),
        data_prefix: Mapping[str, str] | None = None,
        img_suffix: str = '.jpg',
        seg_map_suffix: str = '.png',
        **kwargs: Any,
    ) -> None:
        self.has_mask = has_mask
        given = kwargs.pop('metainfo', None) or {}
        if color_masks and given.get('palette') is None:
            raise ValueError(
                'FolderDataset: color_masks=True needs the color of each class: set '
                'metainfo=dict(classes=[...], palette=[[R, G, B], ...])'
            )
        prefix = data_prefix or dict(img_path='images', seg_map_path='masks')
        super().__init__(
            metainfo=_with_colors(given),
            data_prefix=dict(prefix),
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            **kwargs,
        )
        if color_masks:
            loader = partial(LoadColorAnnotations, given['palette'], ignored_colors)
            self.pipeline = load_with(self.pipeline, loader)

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the images, with their masks where there are any."""
        images = self._images()
        masks = self._masks()
        names = list(images)
        if self.ann_file:
            names = [names[i] for i in read_image_list(self.ann_file, names)]
        if self.has_mask is not None:
            names = [name for name in names if (name in masks) is self.has_mask]
        if not names:
            raise ValueError(self._nothing(images, masks))
        return [
            dict(
                img_path=images[name],
                **self._mask_of(name, masks),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for name in names
        ]

    def _images(self) -> dict[str, str]:
        """Path of each image by its name."""
        folder = self.data_prefix['img_path']
        files = [f for f in image_files(folder) if not self._is_mask(f)]
        fault = 'so their masks could not be told apart: rename one'
        return _by_name(folder, files, self.img_suffix, fault)

    def _is_mask(self, file: str) -> bool:
        """Whether a file below the image folder is a mask, by its place or name."""
        folder = self.data_prefix.get('seg_map_path')
        if not folder:
            return False
        place = osp.relpath(folder, self.data_prefix['img_path'])
        if place != '.':
            return file.startswith(f'{place}/')
        told = _ending(self.seg_map_suffix) != ''
        return told and _name(file, self.seg_map_suffix) is not None

    def _masks(self) -> dict[str, str]:
        """Path of each mask by the name of its image."""
        folder = self.data_prefix.get('seg_map_path')
        if not folder or not osp.isdir(folder):
            return {}
        fault = 'and an image has one mask: rename one, or take it away'
        return _by_name(folder, image_files(folder), self.seg_map_suffix, fault)

    def _mask_of(self, name: str, masks: Mapping[str, str]) -> dict[str, str]:
        folder = self.data_prefix.get('seg_map_path')
        if not folder:
            return {}
        expected = osp.join(folder, name + self.seg_map_suffix)
        return dict(seg_map_path=masks.get(name, expected))

    def _nothing(self, images: Mapping, masks: Mapping) -> str:
        """Why no image is left."""
        place, wanted = self.data_prefix['img_path'], ''
        if self.has_mask is not None:
            wanted = f' {"with" if self.has_mask else "without"} a mask in '
            wanted += str(self.data_prefix.get('seg_map_path'))
        return (
            f'{place}: no image{wanted} ({len(images)} images, {len(masks)} masks); a '
            "mask has its image's name and place, see docs/own_data.md"
        )


def _with_colors(metainfo: Mapping[str, Any]) -> dict[str, Any]:
    """Give classes colors if they have none."""
    classes = metainfo.get('classes') or ()
    listed = not isinstance(classes, str)  # the name of a file
    if metainfo.get('palette') or not listed or len(classes) > len(COLORS):
        return dict(metainfo)
    return dict(metainfo, palette=COLORS[: len(classes)])


def _by_name(
    folder: str, files: Sequence[str], suffix: str, fault: str
) -> dict[str, str]:
    """Path of each file by its name; ``fault`` says why two cannot have one."""
    found: dict[str, str] = {}
    for file in files:
        name, path = _name(file, suffix), osp.join(folder, file)
        if name is None:
            continue
        if name in found:
            raise ValueError(f'{found[name]} and {path} have one name, {fault}')
        found[name] = path
    return found


def _name(file: str, suffix: str) -> str | None:
    """Name of an image or mask; None if it does not end as the suffix says."""
    stem, ending = osp.splitext(file)[0], _ending(suffix)
    return stem.removesuffix(ending) if stem.endswith(ending) else None


def _ending(suffix: str) -> str:
    """What a suffix has before the file's own ending: ``_mask`` of ``_mask.png``."""
    ending, own = osp.splitext(suffix)
    # Of '.png' splitext makes a name without an ending.
    return ending if own or not suffix.startswith('.') else ''
