import os
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mmseg_labelfree.datasets.class_index import cache_folder, class_index


def save_mask(path, values, palette=True):
    image = Image.fromarray(np.asarray(values, np.uint8))
    if palette:
        image.putpalette(np.random.default_rng(0).bytes(768))
    image.save(path)
    return path


def slow_counts(masks):
    counts = np.zeros((len(masks), 256), np.uint32)
    for i, mask in enumerate(masks):
        for value in np.asarray(mask).ravel():
            counts[i, value] += 1
    return counts


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(1)
    folder = tmp_path / 'masks'
    folder.mkdir()
    return [
        save_mask(folder / f'{i:03d}.png', rng.choice([0, 3, 20, 255], (5, 4)))
        for i in range(70)
    ]


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        yield


def cache_file(cache):
    (file,) = cache.iterdir()
    return file


@settings(max_examples=25)
@given(
    st.lists(
        hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)),
        max_size=4,
    ),
    st.booleans(),
)
def test_counts_agree_with_a_loop_over_pixels(tmp_path_factory, masks, palette):
    folder = tmp_path_factory.mktemp('masks')
    files = [save_mask(folder / f'{i}.png', m, palette) for i, m in enumerate(masks)]
    counts = class_index(files, cache=False)
    assert counts.dtype == np.uint32
    assert counts.shape == (len(masks), 256)
    np.testing.assert_array_equal(counts, slow_counts(masks))


def test_bits_are_zeros_and_ones(tmp_path):
    mask = np.array([[True, False, True]])
    Image.fromarray(mask).save(tmp_path / 'bits.png')
    counts = class_index([tmp_path / 'bits.png'], cache=False)
    np.testing.assert_array_equal(counts, slow_counts([mask.astype(np.uint8)]))


def test_number_of_threads_changes_nothing(paths):
    one = class_index(paths, cache=False, workers=1)
    three = class_index(paths, cache=False, workers=3)
    masks = [np.array(Image.open(path)) for path in paths]
    np.testing.assert_array_equal(one, slow_counts(masks))
    np.testing.assert_array_equal(one, three)


def test_cache_is_used_without_reading_masks(paths, cache, quiet):
    first = class_index(paths)
    assert cache_file(cache).stat().st_size < first.nbytes / 10
    stat = paths[3].stat()
    paths[3].write_bytes(b'x' * stat.st_size)
    os.utime(paths[3], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    np.testing.assert_array_equal(class_index(paths), first)
    with pytest.raises(ValueError, match='003.png'):
        class_index(paths, cache=False)


def test_changed_mask_is_counted_again(paths, cache):
    class_index(paths)
    save_mask(paths[2], np.full((5, 4), 17))
    os.utime(paths[2], (time.time() + 5, time.time() + 5))
    with pytest.warns(UserWarning, match='out of date'):
        counts = class_index(paths)
    assert counts[2, 17] == 20
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        np.testing.assert_array_equal(class_index(paths), counts)
    cache_file(cache)


@pytest.mark.parametrize('keep', [0, 10, 0.5, 0.99])
def test_truncated_cache_is_replaced(paths, cache, keep):
    expected = class_index(paths)
    file = cache_file(cache)
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.warns(UserWarning, match='is broken'):
        np.testing.assert_array_equal(class_index(paths), expected)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        np.testing.assert_array_equal(class_index(paths), expected)


def test_cache_of_wrong_shape_is_replaced(paths, cache):
    expected = class_index(paths)
    file = cache_file(cache)
    with np.load(file) as data:
        content = dict(data)
    content['mask'] = content['mask'] + np.uint32(1)
    np.savez(file, **content)
    with pytest.warns(UserWarning, match='is broken'):
        np.testing.assert_array_equal(class_index(paths), expected)


def test_unwritable_cache_is_only_a_warning(paths, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'file' / 'below'))
    with pytest.warns(UserWarning, match='cannot be written'):
        counts = class_index(paths)
    np.testing.assert_array_equal(counts, class_index(paths, cache=False))


def test_cache_folder_is_in_the_home_folder_by_default(monkeypatch):
    monkeypatch.delenv('LABELFREE_CACHE')
    monkeypatch.setenv('HOME', '/somewhere')
    assert str(cache_folder()) == '/somewhere/.cache/mmseg_labelfree'


def test_missing_mask(paths):
    paths[4].unlink()
    for use_cache in (True, False):
        with pytest.raises(FileNotFoundError, match='004.png does not exist'):
            class_index(paths, cache=use_cache)


@pytest.mark.parametrize('size', [0, 20, 60])
def test_truncated_mask(paths, size):
    save_mask(paths[5], np.random.default_rng(0).integers(0, 255, (40, 40)), False)
    paths[5].write_bytes(paths[5].read_bytes()[:size])
    with pytest.raises(ValueError, match=r'005.png (is not an image|cannot be read)'):
        class_index(paths)


def test_a_mask_that_is_too_large_for_pillow(paths, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1)
    with pytest.raises(ValueError, match=r'is too large for Pillow .*into tiles'):
        class_index(paths, cache=False)


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'I;16', 'LA'])
def test_mask_that_is_not_one_byte(paths, mode):
    Image.new('RGB' if mode == 'RGB' else mode, (4, 5)).save(paths[6])
    with pytest.raises(ValueError, match=f'006.png has image mode {mode};'):
        class_index(paths)


class Doubled:
    """A reader of masks whose files hold half of each value."""

    def read(self, path):
        return 2 * np.asarray(Image.open(path))


def test_masks_of_another_kind_have_a_reader_and_a_cache_of_their_own(
    tmp_path, cache, quiet
):
    paths = [save_mask(tmp_path / f'{i}.png', [[0, 3, i]]) for i in range(2)]
    plain = class_index(paths)
    for _ in range(2):
        doubled = class_index(paths, reader=Doubled())
        np.testing.assert_array_equal(doubled[:, :128:2], plain[:, :64])
        assert not doubled[:, 1::2].any()
    np.testing.assert_array_equal(class_index(paths), plain)
    assert len([*cache.iterdir()]) == 2
    paths[1].unlink()
    with pytest.raises(FileNotFoundError, match='1.png does not exist'):
        class_index(paths, cache=False, reader=Doubled())


def _counted(paths):
    return class_index(paths, cache=False)


@pytest.mark.slow
def test_any_number_of_processes(paths, in_processes):
    """The first one counts; also its error is that of all."""
    for masks in (paths, paths[:1]):
        expected = class_index(masks, cache=False)
        for processes in (2, 3):
            for found in in_processes(processes, _counted, masks):
                np.testing.assert_array_equal(found, expected)
    paths[5].write_bytes(b'')
    errors = in_processes(3, _counted, paths)
    assert ['005.png is not an image' in str(error) for error in errors] == [True] * 3
