"""What jobs over the images of a data set share."""

import json
import os
import os.path as osp
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import barrier, get_dist_info
from PIL import Image
from rich.console import Console
from rich.progress import track

from ...utils.files import atomic_path, write_text
from ...visualization.figures import label_colours


def image_names(dataset: Any) -> list[str]:
    """Name of each image of a data set: path below the image folder, without ending.

    Args:
        dataset: ``BaseSegDataset``, or a wrapper with ``image_names``.

    Raises:
        ValueError: Two images have one name.
    """
    names = getattr(dataset, 'image_names', None)
    if names is None:
        folder = dataset.data_prefix.get('img_path') or '.'
        paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
        names = [osp.splitext(osp.relpath(path, folder))[0] for path in paths]
    if len({*names}) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise ValueError(f'the data set has two images of the name {twice}')
    return list(names)


def own_share(num_images: int) -> range:
    """Indices of the images that this process of a distributed run works on."""
    rank, world_size = get_dist_info()
    return range(rank, num_images, world_size)


def tracked(items: Iterable, total: int, description: str) -> Iterable:
    """The items, with a progress bar on the terminal of the first process."""
    return track(
        items,
        description=description,
        total=total,
        console=Console(stderr=True),
        transient=True,
        disable=get_dist_info()[0] != 0,
    )


def keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write down what a folder of partial results was made with.

    Args:
        folder: Is made if need be.
        settings: Everything that the results depend on.

    Raises:
        ValueError: The folder has results (``.npz``) that were made with others.
    """
    text = json.dumps(settings, indent=2, sort_keys=True, default=str) + '\n'
    file = folder / 'settings.json'
    same = not file.is_file() or file.read_text(encoding='utf-8') == text
    if not same and any(folder.rglob('*.npz')):
        raise ValueError(
            f'{folder} was made with another base model or other settings '
            '(settings.json): delete that folder, or choose another out_dir'
        )
    barrier()
    if get_dist_info()[0] == 0:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(file, text)


def write_label_map(path: Path, labels: np.ndarray) -> None:
    """Write uint8 labels ``(H, W)`` as palette PNG, through a temporary name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels)
    image.putpalette(label_colours().tobytes())
    temporary = atomic_path(path)
    try:
        image.save(temporary, format='PNG')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
