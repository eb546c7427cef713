"""Sizes of photos and masks, compared once per pair of files."""

import os

import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets import size_check
from mmseg_labelfree.datasets.size_check import check_pairs
from mmseg_labelfree.datasets.transforms.check_mask import photo_orientation


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    photo_orientation.cache_clear()


def write(root, name, size, shape, orientation=1):
    """A photo of this stored size (width, height) and a mask of this shape."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo, mask = root / f'{name}.jpg', root / f'{name}.png'
    Image.new('RGB', size).save(photo, exif=exif.tobytes())
    Image.fromarray(np.zeros(shape, np.uint8)).save(mask)
    return str(photo), str(mask)


@pytest.fixture
def pairs(tmp_path):
    return [write(tmp_path, f'{i}', (6 + i, 5), (5, 6 + i)) for i in range(4)]


def test_the_first_pair_that_does_not_fit_is_named(tmp_path, pairs):
    check_pairs(pairs, True)
    pairs.append(write(tmp_path, 'x', (6, 5), (6, 5)))
    with pytest.raises(ValueError, match='x.jpg is 6x5 but its mask .*x.png is 5x6'):
        check_pairs(pairs, True)


@pytest.mark.parametrize('orientation', [6, 8])
def test_turned_photos(tmp_path, orientation):
    stored = [write(tmp_path, 'a', (6, 5), (5, 6), orientation)]
    turned = [write(tmp_path, 'b', (6, 5), (6, 5), orientation)]
    check_pairs(stored, False)
    check_pairs(turned, True)
    for pairs, setting in ((stored, True), (turned, False)):
        with pytest.raises(ValueError, match='must have one size'):
            check_pairs(pairs, setting)
    same = [write(tmp_path, 'c', (6, 5), (5, 6), 3)]
    check_pairs(same, False)
    with pytest.raises(ValueError, match='EXIF orientation 3'):
        check_pairs(same, True)


def test_files_are_opened_once(pairs, monkeypatch):
    check_pairs(pairs, True)
    opened = []
    find = size_check.check_pair
    monkeypatch.setattr(
        size_check, 'check_pair', lambda *a: (opened.append(a[0]), find(*a))
    )
    check_pairs(pairs, True)
    assert opened == []
    check_pairs(pairs, False)  # other settings
    assert len(opened) == 4
    os.utime(pairs[2][1], (1, 1))
    check_pairs(pairs, False)
    assert len(opened) == 8
    check_pairs(pairs, False, cache=False)
    assert len(opened) == 12


def test_files_that_cannot_be_read_are_for_their_loader(tmp_path, pairs):
    (tmp_path / '1.jpg').write_bytes(b'no photo')
    check_pairs(pairs, True)
