"""Generated demo data in the layout of Pascal VOC 2012."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS
from PIL import Image
from rich.progress import track

from ...utils.choices import check_choice
from ...utils.files import naming_full_disk
from .classes import CLASSES, class_attributes, plan_scenes
from .scenes import render_scene
from .styles import STYLES

__all__ = ['DemoVOCDataset', 'class_attributes', 'write_demo_voc']

GENERATOR_VERSION = 1
METADATA_FILE = 'demo_voc.json'
STALE_SECONDS = 3600  # an unfinished folder of this age belongs to no running process


def _voc_palette() -> list[int]:
    """Flat list of 256 RGB triples by VOC's rule: class bits to color bits."""
    index = np.arange(256)
    rgb = np.zeros((256, 3), int)
    for bit in range(8):
        for channel in range(3):
            rgb[:, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return rgb.flatten().tolist()


def _names(split: str, count: int) -> list[str]:
    return [f'demo_{split}_{i:05d}' for i in range(count)]


def _write_files(
    root: Path, sizes: dict[str, int], seed: int, style: str, progress: bool
) -> None:
    """Draw and write both splits below ``root``; each scene has its own generator."""
    images, masks = root / 'JPEGImages', root / 'SegmentationClass'
    lists = root / 'ImageSets' / 'Segmentation'
    for folder in (images, masks, lists):
        folder.mkdir(parents=True)
    palette = _voc_palette()
    jobs = []
    for split_id, (split, count) in enumerate(sizes.items()):
        plan = plan_scenes(count, np.random.default_rng((seed, split_id)))
        names = _names(split, count)
        (lists / f'{split}.txt').write_text(''.join(f'{n}\n' for n in names))
        jobs += [
            (n, ids, (seed, split_id, i))
            for i, (n, ids) in enumerate(zip(names, plan, strict=True))
        ]

    def write(job: tuple) -> None:
        name, ids, key = job
        image, label = render_scene(ids, np.random.default_rng(key), STYLES[style])
        jpeg = cv2.imencode('.jpg', image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 94))
        (images / f'{name}.jpg').write_bytes(jpeg[1].tobytes())
        mask = Image.fromarray(label)
        mask.putpalette(palette)
        mask.save(masks / f'{name}.png')

    # An error inside the bar ends it, before anything is said about the error.
    bar = track(
        map(write, jobs),
        description='Drawing demo_voc',
        total=len(jobs),
        disable=not progress,
    )
    for _ in bar:
        pass


def _check_complete(root: Path, sizes: dict[str, int]) -> None:
    """Raise a ValueError if an image or a mask is gone."""
    names = {name for size in sizes.items() for name in _names(*size)}
    for folder, suffix in (('JPEGImages', '.jpg'), ('SegmentationClass', '.png')):
        gone = sorted(names - {p.stem for p in (root / folder).glob(f'*{suffix}')})
        if gone:
            raise ValueError(
                f'{root} lacks {len(gone)} of its files, first {folder}/{gone[0]}'
                f'{suffix}; delete the folder {root} to redo it.'
            )


def _is_finished(root: Path, wanted: dict[str, Any]) -> bool:
    """Whether ``root`` holds the wanted data; False if there is nothing at all.

    Raises:
        ValueError: If the folder holds anything else.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    metadata = root / METADATA_FILE
    if not metadata.is_file():
        raise ValueError(
            f'{root} exists but has no {METADATA_FILE}, so it is not generated demo '
            'data and is left alone; set data_root to a new folder.'
        )
    try:
        found = json.loads(metadata.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f'{metadata} is damaged; delete the folder {root} to redo it.')
    unnamed = dict(style='plain')  # the file names no style but others
    found, wanted = unnamed | found, unnamed | wanted
    differences = ', '.join(
        f'{key} is {found.get(key)} and should be {value}'
        for key, value in wanted.items()
        if found.get(key) != value
    )
    if differences:
        raise ValueError(
            f'{root} holds other demo data: {differences}. Delete the folder or set '
            'data_root to another one.'
        )
    return True


def write_demo_voc(
    data_root: str | Path,
    num_train: int = 900,
    num_val: int = 200,
    seed: int = 0,
    progress: bool = True,
    style: Literal['plain', 'dusk'] = 'plain',
) -> Path:
    """Write the demo data unless the folder already holds it.

    The files are written to a hidden folder beside ``data_root`` that is renamed at
    the end, so ``data_root`` is complete or absent. Of several processes that start
    at once one wins the rename, the others drop their copies and use the winner's;
    the copies are equal byte for byte, since every scene depends on the seed, the
    split and its number only. What a killed process left behind is removed once it is
    an hour old.

    Args:
        data_root: Folder to create. It may exist if it is empty or holds the same data.
        num_train: Number of training scenes, at least 20.
        num_val: Number of validation scenes, at least 20.
        seed: Non-negative seed of everything random.
        progress: Whether to show a progress bar.
        style: Look of the scenes, see :class:`DemoVOCDataset`.

    Returns:
        The folder, absolute.

    Raises:
        ValueError: If the folder holds something else or other demo data, if files of
            it are gone, or if an argument is out of range. Nothing that exists is ever
            overwritten.
        OSError: If the disk is full; nothing is left behind.
    """
    for key, value in (('num_train', num_train), ('num_val', num_val)):
        if value < len(CLASSES):
            raise ValueError(f'{key}={value}: give at least {len(CLASSES)} scenes.')
    if seed < 0:
        raise ValueError(f'seed={seed}: give a seed of 0 or more.')
    check_choice('style', style, tuple(STYLES))
    root = Path(data_root).resolve()
    sizes = dict(train=num_train, val=num_val)
    wanted: dict[str, Any] = dict(
        version=GENERATOR_VERSION, seed=seed, num_train=num_train, num_val=num_val
    )
    if style != 'plain':
        wanted['style'] = style
    prefix = f'.{root.name}.unfinished-'
    root.parent.mkdir(parents=True, exist_ok=True)
    for left in root.parent.glob(f'{prefix}*'):
        try:
            stale = time.time() - left.stat().st_mtime > STALE_SECONDS
        except FileNotFoundError:  # another process was quicker
            continue
        if stale:
            shutil.rmtree(left, ignore_errors=True)
    if _is_finished(root, wanted):
        _check_complete(root, sizes)
        return root
    unfinished = Path(tempfile.mkdtemp(prefix=prefix, dir=root.parent))
    try:
        with naming_full_disk(root):
            _write_files(unfinished, sizes, seed, style, progress)
            text = json.dumps(wanted, indent=2) + '\n'
            (unfinished / METADATA_FILE).write_text(text)
        unfinished.chmod(0o755)  # mkdtemp makes it private
        try:
            unfinished.rename(root)
        except OSError:
            if not _is_finished(root, wanted):
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return root


@DATASETS.register_module()
class DemoVOCDataset(PascalVOCDataset):
    """Dataset of small generated scenes with the classes and palette of Pascal VOC.

    The dataset is drawn on first use (a few seconds) in VOC 2012's layout:
    ``JPEGImages/*.jpg``, ``SegmentationClass/*.png`` (palette PNGs; 0 background, 1-20
    the object classes, 255 on the thin border of objects, which is ignored) and
    ``ImageSets/Segmentation/{train,val}.txt``. A class is a combination of a shape, a
    texture and a color family, see :func:`class_attributes`. Images are about 128x96
    pixels and hold one to four objects; the commonest class is about three times as
    frequent as the rarest. Results on it say that a method runs and learns; they do
    not compare with a paper's.

    ``style='dusk'`` draws the same kinds of scenes with finer, harder textures on a
    busier ground, in less and bluer light, by a camera that blurs and adds grain: a
    second domain for domain adaptation. The label maps depend on the seed alone.

    Args:
        data_root: Folder of the data, created if needed.
        num_train: Number of training images.
        num_val: Number of validation images.
        seed: Seed of the data; the same seed gives the same bytes.
        style: Look of the scenes, 'plain' or 'dusk'. Each needs a folder of its own.
        ann_file: List of the image names, below ``data_root``.
        data_prefix: Folders of images and label maps, below ``data_root``.
        pipeline: Transforms, as in any mmseg dataset.
        test_mode: As in any mmseg dataset.
        **kwargs: Further arguments of ``BaseSegDataset``.

    Raises:
        ValueError: If ``data_root`` holds something else, see :func:`write_demo_voc`.

    Example:
        >>> train = dict(type='DemoVOCDataset', data_root='data/demo_voc')
        >>> val = dict(
        ...     type='DemoVOCDataset', ann_file='ImageSets/Segmentation/val.txt')
    """

    def __init__(
        self,
        data_root: str = 'data/demo_voc',
        num_train: int = 900,
        num_val: int = 200,
        seed: int = 0,
        style: Literal['plain', 'dusk'] = 'plain',
        ann_file: str = 'ImageSets/Segmentation/train.txt',
        data_prefix: dict | None = None,
        pipeline: list | tuple = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        write_demo_voc(data_root, num_train, num_val, seed, is_main_process(), style)
        if data_prefix is None:
            data_prefix = dict(img_path='JPEGImages', seg_map_path='SegmentationClass')
        super().__init__(
            ann_file=ann_file,
            data_root=str(data_root),
            data_prefix=data_prefix,
            pipeline=list(pipeline),
            test_mode=test_mode,
            **kwargs,
        )
