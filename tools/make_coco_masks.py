r"""Draw label maps of COCO's objects, and list the images that have one.

Reads ``instances_SPLIT.json`` and writes ``annotations/SPLIT/NAME.png`` and
``SPLIT.txt`` into the data folder, for COCOObjectDataset. A class is the place of its
category in the file, from 1; later objects lie over earlier ones, crowds are left out,
and an image without annotations gets no label map.

An object that something divides has several polygons. The authors of EUMS fill the
first one alone, so that its other parts are background: ``--first-polygon`` does that.

Example:
    python tools/make_coco_masks.py data/coco/annotations/instances_train2014.json \
        data/coco --first-polygon
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = 'instances_'
MOST = 254  # categories


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', type=Path, help='instances_SPLIT.json of COCO')
    parser.add_argument('data_root', type=Path, help='folder of the dataset')
    parser.add_argument(
        '--first-polygon',
        action='store_true',
        help='fill only the first polygon of an object, as the authors of EUMS do',
    )
    args = parser.parse_args(argv)
    if not args.annotations.name.startswith(PREFIX):
        parser.error(f'{args.annotations} is not called {PREFIX}SPLIT.json')
    return args


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import cv2
import numpy as np

from mmseg_labelfree.utils.command_line import exit_code
from mmseg_labelfree.utils.files import reading, write_text
from mmseg_labelfree.utils.progress import tracked
from mmseg_labelfree.visualization.figures import write_label_map


def read_annotations(path: Path) -> tuple[dict[int, int], list[dict], dict[int, list]]:
    """Read the annotations of a split.

    Returns:
        Class by id of the category; images that have annotations; annotations by id of
        the image.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist: correct the path')
    with reading(path, 'download it again'):
        content = json.loads(path.read_text(encoding='utf-8'))
        classes = {c['id']: 1 + i for i, c in enumerate(content['categories'])}
        objects: dict[int, list] = {}
        for annotation in content['annotations']:
            objects.setdefault(annotation['image_id'], []).append(annotation)
        images = [image for image in content['images'] if image['id'] in objects]
    if len(classes) > MOST:
        raise ValueError(
            f'{path} has {len(classes)} categories, and masks of 8 bits hold {MOST} '
            'besides the background and 255: leave some out'
        )
    return classes, images, objects


def draw_objects(
    image: Mapping[str, Any],
    objects: Sequence[Mapping[str, Any]],
    classes: Mapping[int, int],
    first_polygon: bool = False,
) -> np.ndarray:
    """Draw the objects of an image over each other, in their order.

    Args:
        image: COCO's entry of the image, with ``height`` and ``width``.
        objects: COCO's annotations of it.
        classes: Class by id of the category.
        first_polygon: Whether to fill only the first polygon of an object.

    Returns:
        uint8 ``(height, width)``, 0 where there is no object.

    Raises:
        ValueError: An object that is no crowd has no polygon.

    Example:
        >>> square = dict(category_id=7, iscrowd=0, segmentation=[[0, 0, 1, 0, 1, 1]])
        >>> draw_objects(dict(height=1, width=3), [square], {7: 2}).tolist()
        [[2, 2, 0]]
    """
    labels = np.zeros((image['height'], image['width']), np.uint8)
    for item in objects:
        if item.get('iscrowd'):
            continue
        polygons = item.get('segmentation')
        if not polygons or not isinstance(polygons, list):
            raise ValueError(
                f'annotation {item.get("id")} of image {image.get("file_name")} has no '
                'polygon, so that its object would be background: give it one, or '
                'take it out'
            )
        for polygon in polygons[: 1 if first_polygon else None]:
            corners = np.round(np.reshape(polygon, (-1, 2))).astype(np.int32)
            cv2.fillPoly(labels, [corners], classes[item['category_id']])
    return labels


def main(argv: Sequence[str] | None = None) -> None:
    """Write what the command line asks for."""
    args = parse_args(argv)
    split = args.annotations.stem.removeprefix(PREFIX)
    classes, images, objects = read_annotations(args.annotations)
    names = []
    for image in tracked(images, f'Label maps of {split}', len(images)):
        names.append(Path(image['file_name']).stem)
        labels = draw_objects(image, objects[image['id']], classes, args.first_polygon)
        folder = args.data_root / 'annotations' / split
        write_label_map(folder / f'{names[-1]}.png', labels)
    write_text(args.data_root / f'{split}.txt', ''.join(f'{n}\n' for n in names))
    print(f'{len(names)} label maps; the images are in {args.data_root}/{split}.txt')


if __name__ == '__main__':
    sys.exit(exit_code(main))
