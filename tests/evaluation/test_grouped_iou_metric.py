import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.registry import METRICS

CLASSES = ('background', 'a', 'b', 'c', 'd')


def build(**kwargs):
    metric = METRICS.build(dict(type='GroupedIoUMetric', **kwargs))
    metric.dataset_meta = dict(classes=CLASSES)
    return metric


def evaluate(metric, predictions, labels):
    for prediction, label in zip(predictions, labels, strict=True):
        sample = dict(
            pred_sem_seg=dict(data=torch.as_tensor(prediction)[None]),
            gt_sem_seg=dict(data=torch.as_tensor(label)[None]),
        )
        metric.process({}, [sample])
    return metric.evaluate(len(labels))


def slow_iou(predictions, labels, c):
    intersection = union = 0
    for prediction, label in zip(predictions, labels, strict=True):
        for p, t in zip(prediction.flat, label.flat, strict=True):
            if t != 255:
                intersection += p == c and t == c
                union += p == c or t == c
    return 100 * intersection / union if union else math.nan


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_equals_counting_pixels(seed, num_classes):
    rng = np.random.default_rng(seed)
    predictions = rng.integers(0, num_classes, (3, 4, 5))
    labels = rng.choice([*range(num_classes), 255], (3, 4, 5))
    metric = build(
        groups=dict(old=['a', 'b'], new=['c', 'd'], all=list(CLASSES)),
        harmonic_mean=('old', 'new'),
        classwise=True,
    )
    result = evaluate(metric, predictions, labels)
    slow = [slow_iou(predictions, labels, c) for c in range(5)]
    for name, value in zip(CLASSES, slow, strict=True):
        assert result[f'IoU/{name}'] == pytest.approx(value, abs=0.006, nan_ok=True)
    means = {}
    for name, members in (('old', slow[1:3]), ('new', slow[3:]), ('all', slow)):
        present = [v for v in members if not math.isnan(v)]
        means[name] = sum(present) / len(present) if present else math.nan
        expected = means[name]
        assert result[f'mIoU/{name}'] == pytest.approx(expected, abs=0.006, nan_ok=True)
    a, b = means['old'], means['new']
    harmonic = 0 if a == b == 0 else 2 * a * b / (a + b)  # nan if one is unknown
    assert result['mIoU/harmonic'] == pytest.approx(harmonic, abs=0.02, nan_ok=True)


def test_keeps_what_iou_metric_returns():
    label = np.array([[0, 1], [2, 2]])
    result = evaluate(build(groups=dict(old=['a'])), [label], [label])
    assert result['mIoU'] == result['aAcc'] == result['mIoU/old'] == 100
    assert not any(k.startswith('IoU/') for k in result)


def test_bad_groups():
    with pytest.raises(ValueError, match="group 'new' .* has no class"):
        build(groups=dict(old=['a'], new=[]))
    with pytest.raises(ValueError, match='harmonic_mean must name two of the groups'):
        build(groups=dict(old=['a']), harmonic_mean=('old', 'seen'))
    label = np.array([[0, 1]])
    with pytest.raises(ValueError, match=r"group 'old' .* names \['zebra'\]"):
        evaluate(build(groups=dict(old=['zebra'])), [label], [label])
