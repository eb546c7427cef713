import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets.transforms import LabelSalientPixels

from ...reference_inputs import labels, wave

# clovaai/SSUL e08ee9c, datasets/voc.py, of step 1 of 15-1: 0 is unknown, 1 background.
OFFICIAL = [
    *(255, 0, 17, 1, 0, 0, 1, 0, 17, 255, 1, 1, 0, 0, 1, 17, 0, 1, 255, 0, 0, 17, 1, 0),
    *(0, 1, 1, 255, 0, 1, 0, 0, 1, 17, 0, 0, 255, 1, 0, 1, 1, 1, 0, 0, 1, 255, 17, 1),
    *(1, 0, 0, 1, 17, 0, 255, 1),
]


@pytest.fixture
def results(tmp_path):
    """A sample whose map is in ``maps``: its labels are those of class 16's step."""
    label = labels(1, 7, 8, [0, 0, 3, 16, 0, 20, 0], 9)[0].numpy()
    label = np.where(np.isin(label, (16, 255)), label, 0).astype('uint8')
    salient = wave(7, 8, phase=0.3).numpy() > 0
    (tmp_path / 'maps/a').mkdir(parents=True)
    for name in ('x', 'a/x'):
        file = tmp_path / f'maps/{name}.png'
        Image.fromarray((255 * salient).astype('uint8')).save(file)
    return dict(
        img=np.zeros((7, 8, 3), 'uint8'),
        img_path=str(tmp_path / 'images/a/x.jpg'),
        gt_seg_map=label,
    )


def transform(tmp_path, **settings):
    saliency = dict(type='SaliencyFolder', folder=str(tmp_path / 'maps'))
    return LabelSalientPixels(saliency, **settings)


def test_labels_of_the_code(results, tmp_path):
    before = results['gt_seg_map'].copy()
    given = results['gt_seg_map']
    found = transform(tmp_path)(results)['gt_seg_map']
    assert found.dtype == np.uint8 and np.array_equal(given, before)
    theirs = np.where(found == 255, 255, np.where(found == 254, 0, found + 1.0))
    assert theirs.flatten().tolist() == OFFICIAL


def test_threshold_and_nested_images(results, tmp_path):
    values = np.arange(56, dtype='uint8').reshape(7, 8)
    Image.fromarray(values).save(tmp_path / 'maps/a/x.png')
    label = results['gt_seg_map']
    nested = transform(tmp_path, threshold=0.1, image_folder=tmp_path / 'images')
    found = nested(results)['gt_seg_map']
    assert np.array_equal(found == 254, (label == 0) & (values > 25))
    assert np.array_equal(found[found != 254], label[found != 254])


def test_bad_settings(results, tmp_path):
    (tmp_path / 'maps/x.png').unlink()
    with pytest.raises(FileNotFoundError, match='image x has no saliency map'):
        transform(tmp_path)(results)
    with pytest.raises(ValueError, match='threshold'):
        transform(tmp_path, threshold=1.5)
