"""Metrics refuse labels beyond their classes, and mix up no files."""

import numpy as np
import pytest
import torch
from mmengine.dist import get_rank
from mmseg.registry import METRICS
from PIL import Image

CLASSES = ('background', 'cat', 'dog')
METRIC_TYPES = [
    dict(type='CheckedIoUMetric'),
    dict(type='GroupedIoUMetric', groups=dict(a=['cat'])),
    dict(type='ClusteringIoUMetric', num_clusters=3),
    dict(type='SquashedClusteringIoUMetric', num_clusters=3, size=(8, 8)),
    dict(type='LinearProbeIoUMetric'),
]


def build(cfg, **kwargs):
    metric = METRICS.build(dict(cfg, **kwargs))
    metric.dataset_meta = dict(classes=CLASSES)
    return metric


def sample(label, prediction=0, size=(8, 8), name='x.jpg', **more):
    label_map = torch.zeros(1, *size, dtype=torch.long)
    label_map[0, :2] = label
    predicted = torch.full((1, *size), prediction)
    names = ('pred_sem_seg', 'probe_sem_seg')
    maps = {key: dict(data=predicted) for key in names}
    return dict(**maps, gt_sem_seg=dict(data=label_map), img_path=name, **more)


@pytest.mark.parametrize('cfg', METRIC_TYPES, ids=lambda c: c['type'])
@pytest.mark.parametrize('label', [3, 33, 254])
def test_labels_beyond_the_classes_are_refused(cfg, label):
    metric = build(cfg)
    metric.process({}, [sample(2)])
    with pytest.raises(ValueError, match=rf'mask m/y.png holds \[{label}\].*3 classes'):
        metric.process({}, [sample(1), sample(label, seg_map_path='m/y.png')])


@pytest.mark.parametrize('cfg', METRIC_TYPES, ids=lambda c: c['type'])
def test_an_ignored_label_is_none_beyond_the_classes(cfg):
    metric = build(cfg)
    metric.process({}, [sample(255)])
    assert metric.evaluate(1)
    other = build(cfg, ignore_index=250)
    other.process({}, [sample(250)])
    with pytest.raises(ValueError, match=r'holds \[255\]'):
        other.process({}, [sample(255)])


def test_a_mask_of_another_size():
    wrong = sample(1)
    wrong['gt_sem_seg'] = dict(data=torch.zeros(1, 8, 9, dtype=torch.long))
    with pytest.raises(ValueError, match=r'size \(8, 9\), its prediction \(8, 8\)'):
        build(METRIC_TYPES[0]).process({}, [wrong])


def test_equals_the_stock_metric():
    stock, checked = build(dict(type='IoUMetric')), build(METRIC_TYPES[0])
    for metric in (stock, checked):
        metric.process({}, [sample(1, 1), sample(255, 2)])
    assert stock.evaluate(2) == checked.evaluate(2)


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*.png'))


@pytest.mark.parametrize('cfg', METRIC_TYPES[:3], ids=lambda c: c['type'])
def test_predictions_are_called_by_their_paths_below_the_image_folder(cfg, tmp_path):
    metric = build(cfg, output_dir=str(tmp_path), image_folder='data/images')
    for i, name in enumerate(['a/0001', 'b/0001', 'b/c.d/0001']):
        metric.process({}, [sample(0, i, name=f'data/images/{name}.jpg')])
    assert files(tmp_path) == ['a/0001.png', 'b/0001.png', 'b/c.d/0001.png']
    assert np.asarray(Image.open(tmp_path / 'b/0001.png')).max() == 1


def test_without_a_folder_no_prediction_overwrites_another(tmp_path):
    metric = build(METRIC_TYPES[0], output_dir=str(tmp_path), format_only=True)
    for i, name in enumerate(['x/a/0001', 'x/b/0001', 'y/b/0001', 'x/a/0001']):
        metric.process({}, [sample(0, i % 3, name=f'/data/{name}.jpg')])
    assert files(tmp_path) == ['0001.png', 'b/0001.png', 'y/b/0001.png']


def test_numbers_of_the_masks_are_written(tmp_path):
    metric = build(METRIC_TYPES[0], output_dir=str(tmp_path))
    metric.process({}, [sample(0, 1, reduce_zero_label=True)])
    assert np.asarray(Image.open(tmp_path / 'x.png')).tolist() == [[2] * 8] * 8


def test_predictions_that_would_be_no_file_of_their_own(tmp_path):
    settings = dict(output_dir=str(tmp_path / 'out'), image_folder='data/images')
    metric = build(METRIC_TYPES[0], **settings)
    with pytest.raises(ValueError, match=r'data/extra/x.png is not below data/images'):
        metric.process({}, [sample(0, name='data/extra/x.png')])
    for _ in range(2):
        metric.process({}, [sample(0, name='data/images/x.png')])
    with pytest.raises(ValueError, match=r'x.png and .*x.jpg would be one file'):
        metric.process({}, [sample(0, name='data/images/x.jpg')])
    with pytest.raises(ValueError, match='prediction of y.png has class 299'):
        metric = build(METRIC_TYPES[2] | dict(num_clusters=300), **settings)
        metric.process({}, [sample(0, 299, name='y.png')])
    assert files(tmp_path) == ['out/x.png']


def evaluated(folder, names):
    """What two processes with an image each make of it."""
    metric = build(METRIC_TYPES[0], output_dir=str(folder))
    metric.process({}, [sample(0, name=names[get_rank()])])
    try:
        return [*metric.evaluate(2)]
    except ValueError as error:
        return str(error)


@pytest.mark.slow
def test_processes_that_write_one_file(in_processes, tmp_path):
    found = in_processes(2, evaluated, tmp_path, ['/data/a/1.png', '/data/b/1.png'])
    for text in found:
        assert 'the predictions of /data/a/1.png and /data/b/1.png would be one' in text
    found = in_processes(2, evaluated, tmp_path, ['/data/a/1.png', '/data/b/2.png'])
    assert found == [['aAcc', 'mIoU', 'mAcc']] * 2


def test_images_of_a_single_row(tmp_path):
    metric = build(METRIC_TYPES[0], output_dir=str(tmp_path))
    metric.process({}, [sample(0, size=(1, 6))])
    assert np.asarray(Image.open(tmp_path / 'x.png')).shape == (1, 6)
    column = dict(
        sample(0, size=(1, 6)), gt_sem_seg=sample(0, size=(6, 1))['gt_sem_seg']
    )
    with pytest.raises(ValueError, match=r'size \(6, 1\), its prediction \(1, 6\)'):
        metric.process({}, [column])
