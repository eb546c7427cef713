import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmseg_labelfree.datasets.transforms.weak.files import (
    PointFile,
    draw_line,
    draw_points,
    read_mask,
    read_point_array,
    read_point_file,
    read_scribble_xml,
    unlabeled_map,
)


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_point_file(tmp_path):
    path = write(
        tmp_path / 'points.json',
        {
            '2007_000063': [dict(cls=12, x=139, y=86, rank=2), dict(cls=9, x=0, y=3.9)],
            'empty': [],
            'third': [dict(cls=1, x=5.0, y=6)],
        },
    )
    points = PointFile(path)
    rows, faults = points['2007_000063']
    assert rows.tolist() == [[139, 86, 12], [0, 3, 9]] and not faults
    assert rows.dtype == np.int32
    assert points['third'][0].tolist() == [[5, 6, 1]]
    for image_id in ('empty', 'unknown'):
        rows, faults = points[image_id]
        assert rows.shape == (0, 3) and not faults


@pytest.mark.parametrize(
    'point',
    [
        5,
        None,
        [1, 2],
        dict(x=1, y=2),
        dict(cls=1, x=1),
        dict(cls='dog', x=1, y=2),
        dict(cls=1.5, x=1, y=2),
        dict(cls=True, x=1, y=2),
        dict(cls=1, x='3', y=2),
        dict(cls=1, x=None, y=2),
        dict(cls=1, x=float('nan'), y=2),
        dict(cls=1, x=float('inf'), y=2),
        dict(cls=1, x=1e12, y=2),
    ],
)
def test_a_bad_point_is_a_fault_of_its_image(tmp_path, point):
    good = dict(cls=3, x=1, y=2)
    content = dict(a=[good, point, good], b=[good])
    points = PointFile(write(tmp_path / 'points.json', content))
    rows, faults = points['a']
    assert rows.tolist() == [[1, 2, 3], [1, 2, 3]]
    (fault,) = faults
    assert json.dumps(point) in fault.message and fault.label == -1
    assert not points['b'][1]


@pytest.mark.parametrize(
    'content, message',
    [
        ('', 'is not JSON'),
        ('{"a": [', 'is not JSON'),
        ('{}', 'at least one image'),
        ('[{"cls": 1}]', r'but holds \[\{"cls": 1\}\]'),
    ],
)
def test_a_file_that_holds_no_points_is_refused(tmp_path, content, message):
    path = write(tmp_path / 'points.json', content)
    with pytest.raises(ValueError, match=f'points.json.* {message}'):
        PointFile(path)


def test_point_file_is_parsed_once_until_it_changes(tmp_path):
    path = write(tmp_path / 'points.json', dict(a=[dict(cls=3, x=1, y=2)]))
    first = read_point_file(path)
    assert read_point_file(str(path)) is first
    write(path, dict(a=[dict(cls=4, x=1, y=2)]))
    os.utime(path, ns=(1, 1))
    assert read_point_file(path)['a'][0].tolist() == [[1, 2, 4]]
    with pytest.raises(FileNotFoundError):
        read_point_file(tmp_path / 'missing.json')


def test_point_array(tmp_path):
    path = tmp_path / 'a.npy'
    np.save(path, np.array([[7, 5, 150], [0, 1, 3]], np.int16))
    rows, size = read_point_array(path)
    assert rows.tolist() == [[5, 7, 150], [1, 0, 3]] and size is None
    labels = np.zeros((4, 6), np.uint8)
    labels[3, 5], labels[1, 0] = 9, 150
    np.save(path, labels)
    rows, size = read_point_array(path)
    assert rows.tolist() == [[0, 1, 150], [5, 3, 9]] and size == (4, 6)


@pytest.mark.parametrize(
    'array',
    [
        np.zeros(3, int),
        np.zeros((2, 2, 2), int),
        np.zeros((4, 4)),
        np.array([dict(x=1)], object),
    ],
)
def test_other_arrays_are_refused(tmp_path, array):
    np.save(tmp_path / 'a.npy', array, allow_pickle=True)
    with pytest.raises(ValueError, match='neither an integer label map|no readable'):
        read_point_array(tmp_path / 'a.npy')


@pytest.mark.parametrize('content', [b'', b'\x93NUMPY', b'text'])
def test_broken_array_is_refused(tmp_path, content):
    (tmp_path / 'a.npy').write_bytes(content)
    with pytest.raises(ValueError, match='no readable array'):
        read_point_array(tmp_path / 'a.npy')


XML = """<annotation><size><width>20</width><height>10</height></size>
<polygon><tag> dog </tag><point><X>1</X><Y>2</Y></point>
<point><X>7.9</X><Y>2</Y></point></polygon>
<polygon><tag>background</tag><point><X>0</X><Y>9</Y></point></polygon>
</annotation>"""


def test_scribble_xml(tmp_path):
    strokes, size, faults = read_scribble_xml(write(tmp_path / 'a.xml', XML))
    assert size == (10, 20) and not faults
    assert [stroke.tag for stroke in strokes] == ['dog', 'background']
    assert strokes[0].corners.tolist() == [[1, 2], [7, 2]]
    assert strokes[1].corners.dtype == np.int32
    no_size = XML.replace('size>', 'other>')
    assert read_scribble_xml(write(tmp_path / 'a.xml', no_size))[1] is None


@pytest.mark.parametrize(
    'old, new, message',
    [
        (' dog ', '', "polygon 1 '' has no tag"),
        ('<X>1</X>', '', "polygon 1 'dog' has no points with numbers"),
        ('<X>1</X>', '<X>one</X>', "polygon 1 'dog' has no points with numbers"),
        ('<X>1</X>', '<X>nan</X>', "polygon 1 'dog' has no points with numbers"),
        ('<point><X>0</X><Y>9</Y></point>', '', "polygon 2 'background' has no points"),
    ],
)
def test_a_bad_polygon_is_a_fault(tmp_path, old, new, message):
    path = write(tmp_path / 'a.xml', XML.replace(old, new))
    strokes, _, faults = read_scribble_xml(path)
    assert len(strokes) == 1 and len(faults) == 1
    assert faults[0].message.startswith(message)


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('</annotation>', '', 'not XML'),
        (XML, '', 'not XML'),
        ('<width>20</width>', '', "are '10' and ''"),
        ('>20<', '>wide<', 'wide'),
    ],
)
def test_bad_xml_is_refused(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        read_scribble_xml(write(tmp_path / 'a.xml', XML.replace(old, new)))


def test_masks(tmp_path):
    path = tmp_path / 'a.png'
    labels = np.array([[0, 20, 255]], np.uint8)
    gray = Image.fromarray(labels)
    palette = gray.convert('P')
    palette.putdata(labels.ravel().tolist())
    for image in (gray, palette):
        image.save(path)
        assert read_mask(path).tolist() == [[0, 20, 255]]
    gray.convert('RGB').save(path)
    with pytest.raises(ValueError, match=r'uint8 of shape \(1, 3, 3\)'):
        read_mask(path)
    path.write_bytes(b'no image')
    with pytest.raises(ValueError, match='no readable image'):
        read_mask(path)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, 20)), max_size=5
    ),
    st.integers(0, 3),
)
def test_squares_agree_with_a_loop(points, radius):
    labels = unlabeled_map((6, 9))
    draw_points(labels, np.array(points, int).reshape(-1, 3), radius)
    want = np.full((6, 9), 254)
    for x, y, value in points:
        top, left = max(y - radius, 0), max(x - radius, 0)
        want[top : y + radius + 1, left : x + radius + 1] = value
    for x, y, value in points:
        want[y, x] = value
    assert labels.dtype == np.uint8
    assert labels.tolist() == want.tolist()


def test_line():
    labels = unlabeled_map((5, 8))
    draw_line(labels, np.array([[1, 2], [6, 2]], np.int32), 3, width=1)
    assert np.argwhere(labels == 3).tolist() == [[2, x] for x in range(1, 7)]
    labels = unlabeled_map((5, 8))
    draw_line(labels, np.array([[4, 2]], np.int32), 7, width=1)
    assert np.argwhere(labels != 254).tolist() == [[2, 4]]
    labels = unlabeled_map((9, 12))
    draw_line(labels, np.array([[3, 4], [8, 4]], np.int32), 5, width=3)
    assert (labels[3:6, 3:9] == 5).all() and (labels[[1, 7]] == 254).all()
