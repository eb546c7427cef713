import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets.transforms.fill_unlabeled import FillUnlabeled, label_file


@pytest.fixture
def transform(tmp_path):
    (tmp_path / 'labels/sub').mkdir(parents=True)
    pseudo = np.array([[3, 3], [255, 3]], np.uint8)
    Image.fromarray(pseudo).save(tmp_path / 'labels/sub/a.png')
    return FillUnlabeled(
        folder=str(tmp_path / 'labels'),
        unlabeled=254,
        image_folder=str(tmp_path / 'img'),
        unseen=[3],
    )


def results(tmp_path, labels, name='sub/a.jpg'):
    return dict(
        img_path=str(tmp_path / 'img' / name),
        seg_map_path='mask.png',
        gt_seg_map=np.array(labels, np.uint8),
    )


def test_fills_only_unlabeled_pixels(transform, tmp_path):
    got = transform(results(tmp_path, [[254, 1], [254, 255]]))['gt_seg_map']
    assert got.tolist() == [[3, 1], [254, 255]] and got.dtype == np.uint8
    assert 'labels' in repr(transform)


def test_mistakes(transform, tmp_path):
    with pytest.raises(ValueError, match='mask.png has training labels of unseen'):
        transform(results(tmp_path, [[3, 1], [254, 255]]))
    with pytest.raises(FileNotFoundError, match='run the stage that writes them'):
        transform(results(tmp_path, [[1]], 'b.jpg'))
    with pytest.raises(ValueError, match=r'is \(2, 2\), but the label map .* \(1, 2'):
        transform(results(tmp_path, [[1, 254]]))


def test_files_are_named_after_images():
    assert label_file('out', 'data/img/x/b.jpg', 'data/img').as_posix() == 'out/x/b.png'
