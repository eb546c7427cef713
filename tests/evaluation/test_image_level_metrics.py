import pytest
import torch

from mmseg_labelfree.evaluation import ImageLabelF1Metric, MapIoUMetric


def test_maps_are_scored_without_the_pixels_that_they_leave_out():
    metric = MapIoUMetric('cam_sem_seg', prefix='cam', iou_metrics=['mIoU'])
    metric.dataset_meta = dict(classes=['background', 'cat', 'dog'])
    chosen = torch.tensor([[[0, 1, 1, 255, 2, 0]]])
    truth = torch.tensor([[[0, 1, 2, 2, 2, 255]]])
    sample = dict(
        cam_sem_seg=dict(data=chosen),
        gt_sem_seg=dict(data=truth),
        pred_sem_seg=dict(data=torch.zeros_like(truth)),
    )
    metric.process({}, [sample])
    found = metric.evaluate(1)
    assert found['cam/mIoU'] == pytest.approx(100 * (1 + 1 / 2 + 1 / 2) / 3, abs=0.01)
    assert truth.flatten().tolist() == [0, 1, 2, 2, 2, 255]


def test_predictions_without_the_map():
    metric = MapIoUMetric('pseudo_sem_seg')
    with pytest.raises(ValueError, match='have no pseudo_sem_seg; test an Image'):
        metric.process({}, [dict(pred_sem_seg=dict(data=torch.zeros(1, 2, 2)))])
    with pytest.raises(ValueError, match='no image_logits'):
        ImageLabelF1Metric().process({}, [{}])


def test_f1_is_the_mean_over_images():
    metric = ImageLabelF1Metric()
    logits = [[2.0, 1.0, -1.0, -1.0], [-1.0, -1.0, -2.0, -3.0], [1.0, -1.0, -1.0, -1.0]]
    labels = [[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    for row, truth in zip(logits, labels, strict=True):
        sample = dict(image_logits=torch.tensor(row), image_labels=truth)
        metric.process({}, [sample])
    assert metric.evaluate(3) == {'image/F1': pytest.approx(100 * (0.5 + 0 + 1) / 3)}
