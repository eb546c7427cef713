import os

import numpy as np
import pytest

from mmseg_labelfree.datasets import read_image_labels

CLASSES = ('cat', 'dog', 'cow')
ROWS = {'a': [1, 0, 0], 'sub/b': [0, 1, 1], 'c': [0, 0, 0]}


def write_npy(path, content):
    np.save(path, content, allow_pickle=True)
    return path


def write(path, text):
    path.write_text(text, encoding='utf-8')
    return path


@pytest.fixture(params=['.npy', '.txt', '.csv'])
def file(request, tmp_path):
    path = tmp_path / f'labels{request.param}'
    if request.param == '.npy':
        return write_npy(path, {k: np.array(v, np.float32) for k, v in ROWS.items()})
    lines = []
    for name, row in ROWS.items():
        if request.param == '.txt':
            lines.append(' '.join([f'{name}.jpg', *map(str, row)]))
        else:
            present = [c for c, y in zip(CLASSES, row, strict=True) if y]
            lines.append(','.join([f'{name}.png', *present]))
    return write(path, '\n'.join(lines) + '\n\n')


def test_all_forms_say_the_same(file):
    found = read_image_labels(file, CLASSES)
    assert {name: row.astype(int).tolist() for name, row in found.items()} == ROWS
    assert all(row.dtype == bool for row in found.values())


@pytest.mark.parametrize('kind', [np.uint8, np.int64, np.float64, bool, list])
def test_arrays_of_any_kind(tmp_path, kind):
    content = {k: v if kind is list else np.array(v, kind) for k, v in ROWS.items()}
    found = read_image_labels(write_npy(tmp_path / 'x.npy', content), CLASSES)
    assert {name: row.astype(int).tolist() for name, row in found.items()} == ROWS


class Evil:
    """What a foreign file may hold: a call."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_nothing_in_a_file_is_called(tmp_path):
    target = tmp_path / 'called'
    for content in ({'a': Evil(target)}, {'a': np.array([Evil(target)], object)}):
        path = write_npy(tmp_path / 'x.npy', content)
        with pytest.raises(
            ValueError, match=r'x\.npy is damaged \(it asks for \w+\.mkdi'
        ):
            read_image_labels(path, CLASSES)
        assert not target.exists()


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('x.txt', 'a 1 0', r'x\.txt, image a: 2 labels, but the dataset has 3 classes'),
        ('x.txt', 'a 1 0 2', r'image a: 2 is neither 0 nor 1'),
        ('x.txt', 'a 1 0 cat', r'x\.txt is damaged .*: correct the file'),
        ('x.csv', 'a,cat\na,dog', r'x\.csv names image a twice, with other classes'),
        ('x.txt', 'a.jpg 1 0 0\na 0 1 0', 'names image a twice'),
        ('x.csv', 'a,cat,horse', "image a: 'horse' is no class of the dataset"),
        ('x.npy', 'text', r'x\.npy is damaged .*: correct the file'),
        (
            'x.json',
            '{}',
            r'must be a \.npy, \.txt or \.csv file; folders and masks are',
        ),
    ],
)
def test_bad_files(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        read_image_labels(write(tmp_path / name, text), CLASSES)


def test_a_dictionary_of_20_classes_for_3(tmp_path):
    path = write_npy(tmp_path / 'x.npy', {'a': np.zeros(20)})
    with pytest.raises(ValueError, match='image a: 20 labels, but the dataset has 3'):
        read_image_labels(path, CLASSES)


def test_an_array_in_place_of_a_dictionary(tmp_path):
    np.save(tmp_path / 'x.npy', np.zeros((4, 3)))
    with pytest.raises(ValueError, match='in place of a dictionary'):
        read_image_labels(tmp_path / 'x.npy', CLASSES)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.npy do not exist.*labels='masks'"):
        read_image_labels(tmp_path / 'x.npy', CLASSES)


@pytest.mark.parametrize(('name', 'text'), [('x.txt', 'a 1 0 0'), ('x.csv', 'a,cat')])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path, name, text):
    found = read_image_labels(write(tmp_path / name, f'\ufeff{text}\n{text}'), CLASSES)
    assert {k: v.tolist() for k, v in found.items()} == {'a': [True, False, False]}
