import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_labelfree.datasets.transforms.map_labels import MapLabels, insert_map_labels

TABLE = [0, 2, 1] + [-1] * 252 + [255]


def results(labels, **more):
    return dict(
        gt_seg_map=np.array(labels, np.uint8),
        seg_map_path='a/mask.png',
        img_path='a/image.jpg',
        **more,
    )


def sample(tmp_path, mask, size=None):
    mask = np.asarray(mask, np.uint8)
    Image.fromarray(mask).save(tmp_path / 'mask.png')
    Image.new('RGB', size or mask.shape[::-1]).save(tmp_path / 'image.png')
    return dict(
        img_path=str(tmp_path / 'image.png'),
        seg_map_path=str(tmp_path / 'mask.png'),
        label_map=None,
        reduce_zero_label=False,
        seg_fields=[],
    )


def build(*transforms):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return Compose(list(transforms))


def test_registered_and_maps_whole_array():
    transform = TRANSFORMS.build(dict(type='MapLabels', table=TABLE))
    out = transform(results([[0, 1, 2], [255, 2, 0]]))['gt_seg_map']
    assert out.tolist() == [[0, 2, 1], [255, 1, 0]]
    assert out.dtype == np.uint8


def test_labels_are_final_afterwards():
    out = MapLabels(TABLE)(results([[0]], reduce_zero_label=True, label_map={1: 2}))
    assert out['reduce_zero_label'] is False
    assert out['label_map'] is None
    assert 'reduce_zero_label' not in MapLabels(TABLE)(results([[0]]))


def test_invalid_labels_name_file_and_values():
    with pytest.raises(ValueError, match=r'a/mask.png: label values \[77, 99\]'):
        MapLabels(TABLE)(results([[0, 99], [77, 1]]))


@pytest.mark.parametrize('key', ['ori_shape', 'img'])
def test_size_of_image_and_mask_must_agree(key):
    size = (3, 2) if key == 'ori_shape' else np.zeros((3, 2, 3), np.uint8)
    message = 'a/image.jpg is 2x3 but its mask a/mask.png is 3x2'
    with pytest.raises(ValueError, match=message):
        MapLabels(TABLE)(results([[0, 0, 0], [0, 0, 0]], **{key: size}))


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ([0] * 255, '256 integers'),
        ([0.5] * 256, '256 integers'),
        ([0] * 255 + [256], '0 to 256'),
        ([0] * 255 + [-2], '-2 to 0'),
    ],
)
def test_wrong_tables(table, message):
    with pytest.raises(ValueError, match=message):
        MapLabels(table)


def test_padding_stays_255_and_mask_is_mapped_once(tmp_path):
    pipeline = build(
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomCrop', crop_size=(2, 2)),
        dict(type='Pad', size=(4, 4), pad_val=dict(img=0, seg=255)),
        dict(type='PackSegInputs'),
    )
    void_as_background = [0, 2, 1] + [-1] * 252 + [0]
    mapped = insert_map_labels(pipeline, void_as_background)
    info = sample(tmp_path, [[1, 1, 1], [1, 1, 1], [1, 1, 1]])
    label = mapped(dict(info))['data_samples'].gt_sem_seg.data[0].numpy()
    expected = np.full((4, 4), 255)
    expected[:2, :2] = 2
    np.testing.assert_array_equal(label, expected)
    info = sample(tmp_path, np.full((2, 2), 255))
    label = mapped(dict(info))['data_samples'].gt_sem_seg.data[0].numpy()
    expected[:2, :2] = 0
    np.testing.assert_array_equal(label, expected)
    names = [type(t).__name__ for t in pipeline.transforms]
    assert 'MapLabels' not in names


def test_mask_may_be_loaded_after_the_resize(tmp_path):
    pipeline = build(
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(6, 8), keep_ratio=False),
        dict(type='LoadAnnotations'),
        dict(type='PackSegInputs'),
    )
    mapped = insert_map_labels(pipeline, TABLE)
    out = mapped(sample(tmp_path, [[0, 1, 2]] * 4))
    assert tuple(out['inputs'].shape) == (3, 8, 6)
    assert out['data_samples'].gt_sem_seg.data[0].tolist() == [[0, 2, 1]] * 4
    with pytest.raises(ValueError, match='image.png is 5x4 but its mask'):
        mapped(sample(tmp_path, [[0, 1, 2]] * 4, size=(5, 4)))


def test_nested_pipelines_are_searched(tmp_path):
    pipeline = build(
        dict(type='LoadImageFromFile'),
        dict(
            type='TestTimeAug',
            transforms=[
                [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
                [dict(type='LoadAnnotations')],
                [dict(type='PackSegInputs')],
            ],
        ),
    )
    out = insert_map_labels(pipeline, TABLE)(sample(tmp_path, [[0, 1, 2]] * 2))
    labels = [s.gt_sem_seg.data[0].tolist() for s in out['data_samples']]
    assert labels == [[[0, 2, 1]] * 2] * 2


def test_pipeline_without_annotations_is_refused():
    with pytest.raises(ValueError, match='no LoadAnnotations'):
        insert_map_labels(build(dict(type='LoadImageFromFile')), TABLE)
