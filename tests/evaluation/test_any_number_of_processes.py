"""Metrics of uneven shares, and of fewer images than processes, are those of one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

CLASSES = ('background', 'a', 'b')
GROUPS = dict(type='GroupedIoUMetric', groups=dict(both=['a', 'b']), prefix='groups')
METRICS = [
    dict(type='IoUMetric', prefix='plain'),
    GROUPS,
    dict(type='ClusteringIoUMetric', num_clusters=3, prefix='clusters'),
    dict(type='SquashedClusteringIoUMetric', num_clusters=3, size=(9, 9), prefix='s'),
    dict(type='LinearProbeIoUMetric'),
    dict(
        type='DenseCRFMetric',
        num_workers=1,
        iterations=2,
        metric=dict(GROUPS, prefix='crf'),
    ),
]


def make_samples(folder, number):
    """Predictions of images of several sizes, right in part."""
    generator = torch.Generator().manual_seed(0)
    for index in range(number):
        label = torch.randint(0, 3, (1, 6 + index, 9), generator=generator)
        logits = torch.nn.functional.one_hot(label[0], 3).permute(2, 0, 1).float()
        logits += torch.randn(logits.shape, generator=generator)
        path = folder / f'{index}.png'
        Image.fromarray(np.uint8(100 * label[0].numpy())).save(path)
        sample = SegDataSample(metainfo=dict(img_path=str(path)))
        sample.seg_logits = PixelData(data=logits)
        sample.gt_sem_seg = PixelData(data=label)
        sample.pred_sem_seg = PixelData(data=logits.argmax(0, keepdim=True))
        sample.probe_sem_seg = PixelData(data=logits.argmin(0, keepdim=True))
        yield sample


def score(metrics, samples):
    """What the test loop does: each process has its share, and evaluates with all."""
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = dict(classes=CLASSES)
    for index in DefaultSampler(samples, shuffle=False):
        evaluator.process([samples[index]], {})
    return evaluator.evaluate(len(samples))


@pytest.mark.slow
@pytest.mark.usefixtures('pydensecrf')
@pytest.mark.parametrize('images', [7, 2])
def test_all_metrics(images, in_processes, tmp_path, monkeypatch):
    """The workers of the CRF are threads here, as they take long to start."""
    monkeypatch.setattr(
        'mmseg_labelfree.evaluation.dense_crf_metric.ProcessPoolExecutor',
        lambda number, **_: ThreadPoolExecutor(number),
    )
    samples = [*make_samples(tmp_path, images)]
    expected = score(METRICS, samples)
    assert len(expected) == 20
    for processes in (1, 2, 3):
        found = in_processes(processes, score, METRICS, samples)
        assert found == [expected] * processes
