import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.visualization.prediction_strips import (
    PredictionStrips,
    Strip,
    write_strip,
)


def test_a_strip_shows_image_and_labels_in_their_colors(tmp_path):
    image = np.full((20, 10, 3), 120, np.uint8)
    truth = np.full((40, 20), 1, np.uint8)
    found = np.full((40, 20), 255, np.uint8)
    palette = np.array([[0, 0, 0], [200, 30, 60]], np.uint8)
    file = write_strip(tmp_path, 'first_1', image, [truth, found], palette, height=80)
    strip = np.asarray(Image.open(tmp_path / file)).astype(int)
    assert strip.shape == (80, 3 * 40 + 2 * 4, 3)
    for column, color in (
        (20, (120,) * 3),
        (64, (200, 30, 60)),
        (108, (224, 224, 192)),
    ):
        assert np.abs(strip[40, column] - color).max() <= 3


def test_a_list_is_read_as_it_was_written(tmp_path):
    strips = [Strip('worst', 'a', 1.5, 'x.jpg'), Strip('best', 'b', None, 'y.jpg')]
    written = PredictionStrips({'cat': [1, 2, 3]}, ['cat'], strips)
    written.write(tmp_path)
    assert PredictionStrips.read(tmp_path) == written
    assert [*written.groups()] == ['worst', 'best']
    assert [strip.caption for strip in strips] == ['a, mIoU 1.5', 'b']


def test_no_list_and_a_damaged_one(tmp_path):
    assert PredictionStrips.read(tmp_path) is None
    (tmp_path / 'predictions').mkdir()
    (tmp_path / 'predictions/index.json').write_text('{"colors": ')
    with pytest.raises(ValueError, match=r'index\.json is damaged'):
        PredictionStrips.read(tmp_path)
