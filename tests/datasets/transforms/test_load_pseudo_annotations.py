import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image


@pytest.mark.parametrize('image_folder', [None, 'images'])
def test_names_below_the_image_folder(tmp_path, image_folder):
    label = np.arange(12, dtype=np.uint8).reshape(3, 4)
    path = tmp_path / ('x.png' if image_folder is None else 'city/x.png')
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(label).save(path)
    transform = TRANSFORMS.build(
        dict(
            type='LoadPseudoAnnotations',
            folder=str(tmp_path),
            image_folder=image_folder,
        )
    )
    results = dict(
        img_path='images/city/x.jpg',
        seg_map_path='unread.png',
        seg_fields=[],
        label_map={1: 0},
        reduce_zero_label=True,
    )
    found = transform(dict(results))
    assert np.array_equal(found['gt_seg_map'], label)  # neither shifted nor mapped
    assert found['seg_map_path'] == str(path)
    with pytest.raises(FileNotFoundError, match='y.png does not exist: run the stage'):
        transform(dict(results, img_path='images/city/y.jpg'))
