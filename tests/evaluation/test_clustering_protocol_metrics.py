import numpy as np
import pytest
import torch
from mmseg.registry import METRICS
from PIL import Image

from mmseg_labelfree.evaluation import LinearProbeIoUMetric, SquashedClusteringIoUMetric

CLASSES = dict(classes=('a', 'b', 'c'))


def run(metric, samples):
    metric.dataset_meta = CLASSES
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(len(samples))


def samples(seed=0):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for size in ((12, 20), (7, 5)):
        draw = [torch.randint(0, 3, (1, *size), generator=generator) for _ in range(3)]
        draw[0][0, :1] = 255
        keys = ('gt_sem_seg', 'pred_sem_seg', 'probe_sem_seg')
        result.append({k: dict(data=d) for k, d in zip(keys, draw, strict=True)})
    return result


def nearest(data, size):
    """The nearest pixel, by hand."""
    rows, columns = (
        np.floor(np.arange(s) * n / s).astype(int)
        for s, n in zip(size, data.shape[1:], strict=True)
    )
    return data[:, rows][:, :, columns]


def test_squashed_scores_are_those_of_resized_maps():
    size = (8, 6)
    resized = [
        {k: dict(data=nearest(v['data'], size)) for k, v in sample.items()}
        for sample in samples()
    ]
    squashed = METRICS.build(
        dict(type='SquashedClusteringIoUMetric', num_clusters=3, size=size)
    )
    plain = METRICS.build(dict(type='ClusteringIoUMetric', num_clusters=3))
    found = run(squashed, samples())
    assert (
        found
        == run(plain, resized)
        != run(
            METRICS.build(dict(type='ClusteringIoUMetric', num_clusters=3)), samples()
        )
    )


def test_squashed_masks_are_written_of_images_without_labels(tmp_path):
    metric = SquashedClusteringIoUMetric(
        3, size=(8, 6), format_only=True, output_dir=str(tmp_path)
    )
    sample = dict(pred_sem_seg=samples()[0]['pred_sem_seg'], img_path='x/photo.jpg')
    run(metric, [sample])
    with Image.open(tmp_path / 'photo.png') as image:
        written = torch.from_numpy(np.array(image))
    assert torch.equal(written, nearest(sample['pred_sem_seg']['data'], (8, 6))[0])


@pytest.mark.parametrize('size', [None, (8, 6)])
def test_probe_is_scored_by_its_own_field(size):
    changed = [
        {'pred_sem_seg': s['probe_sem_seg'], 'gt_sem_seg': s['gt_sem_seg']}
        for s in samples()
    ]
    if size:
        changed = [
            {k: dict(data=nearest(v['data'], size)) for k, v in s.items()}
            for s in changed
        ]
    found = run(LinearProbeIoUMetric(size=size), samples())
    expected = run(METRICS.build(dict(type='IoUMetric')), changed)
    assert found == {f'probe/{k}': v for k, v in expected.items()}


def test_segmentor_without_a_probe():
    sample = samples()[0]
    del sample['probe_sem_seg']
    with pytest.raises(ValueError, match='give the DiscriminativeClusteringSegmentor'):
        run(METRICS.build(dict(type='LinearProbeIoUMetric')), [sample])
