import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dist import collect_results_cpu
from mmseg.registry import METRICS

CLASSES = ('background', 'a', 'b', 'c', 'd')


def build(**kwargs):
    metric = METRICS.build(dict(type='ClusteringIoUMetric', **kwargs))
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


def slow_iou(pairs, c):
    hit = sum(p == c == t for p, t in pairs)
    union = sum(c in (p, t) for p, t in pairs)
    return 100 * hit / union if union else math.nan


def slow_majority(pairs, num_old_classes, num_clusters):
    """Best class of each cluster over pixels that are novel on both sides."""
    novel = [(p, t) for p, t in pairs if p >= num_old_classes and t >= num_old_classes]
    best = {}
    for k in range(num_old_classes, num_old_classes + num_clusters):
        scores = {}
        for c in range(num_old_classes, len(CLASSES)):
            hit = sum(p == k and t == c for p, t in novel)
            union = sum(p == k or t == c for p, t in novel)
            scores[c] = hit / union if union else 0
        top = max(scores, key=scores.get)
        best[k] = top if scores[top] > 0 else None
    return best


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_majority_equals_counting_pixels(seed, num_old_classes, num_clusters):
    rng = np.random.default_rng(seed)
    predictions = rng.integers(0, num_old_classes + num_clusters, (3, 4, 5))
    labels = rng.choice([*range(5), 255], (3, 4, 5))
    metric = build(
        num_clusters=num_clusters,
        num_old_classes=num_old_classes,
        matching='majority',
        classwise=True,
    )
    result = evaluate(metric, predictions, labels)
    pairs = list(
        zip(predictions.ravel().tolist(), labels.ravel().tolist(), strict=True)
    )
    pairs = [(p, t) for p, t in pairs if t != 255]
    best = slow_majority(pairs, num_old_classes, num_clusters)
    renamed = [(best.get(p, p), t) for p, t in pairs]
    slow = [slow_iou(renamed, c) for c in range(5)]
    for name, value in zip(CLASSES, slow, strict=True):
        assert result[f'IoU/{name}'] == pytest.approx(value, abs=0.006, nan_ok=True)
    accuracy = 100 * np.mean([p == t for p, t in renamed])
    assert result['aAcc'] == pytest.approx(accuracy, abs=0.006)
    for k, found in enumerate(metric.image_ious):
        image = zip(predictions[k].ravel(), labels[k].ravel(), strict=True)
        image = [(best.get(p, p), t) for p, t in image if t != 255]
        ious = [slow_iou(image, c) for c in range(5)]
        assert found == pytest.approx(np.nanmean(ious))
    groups = dict(
        base=slow[1:num_old_classes], novel=slow[num_old_classes:], all=slow[1:]
    )
    for name, values in groups.items():
        if not values:
            assert f'mIoU/{name}' not in result
            continue
        values = [v for v in values if not math.isnan(v)]
        mean = np.mean(values) if values else math.nan
        assert result[f'mIoU/{name}'] == pytest.approx(mean, abs=0.006, nan_ok=True)


def test_permuted_clusters_are_perfect():
    labels = np.arange(60).reshape(3, 4, 5) % 5
    order = np.array([3, 0, 4, 1, 2])
    for maximize in ('iou', 'pixels'):
        result = evaluate(
            build(num_clusters=5, maximize=maximize), order[labels], labels
        )
        assert result['mIoU'] == result['aAcc'] == 100
        assert not any(key.startswith('mIoU/') for key in result)
    # Two of seven clusters share a class: one of them has to stay without.
    split = np.where(np.arange(60).reshape(3, 4, 5) >= 45, 6, order[labels])
    result = evaluate(build(num_clusters=7), split, labels)
    assert result['aAcc'] == 75
    result = evaluate(build(num_clusters=7, matching='majority'), order[labels], labels)
    assert result['mIoU'] == 100


def test_outputs_on_known_classes_do_not_vote():
    # Cluster 2 lies on 'd' (twice) and on the background (often).
    labels = np.array([[4, 4, 0, 0, 0, 0]])
    predictions = np.array([[2, 2, 2, 2, 2, 0]])
    metric = build(
        num_clusters=1,
        num_old_classes=2,
        matching='hungarian',
        groups=dict(new=['c', 'd']),
        harmonic_mean=('new', 'new'),
    )
    result = evaluate(metric, [predictions], [labels])
    assert result['mIoU/new'] == 40 == result['mIoU/harmonic']


def test_stored_matching_is_used_whatever_fits_better(tmp_path):
    labels = np.array([[2, 3, 4, 0]])
    predictions = np.array([[3, 2, 4, 0]])
    file = tmp_path / 'new' / 'matching.json'
    settings = dict(num_clusters=3, num_old_classes=2, matching='majority')
    metric = build(**settings, save_matching=str(file))
    assert evaluate(metric, [predictions], [labels])['mIoU/novel'] == 100
    assert json.loads(file.read_text()) == dict(
        num_old_classes=2, matching='majority', maximize='iou', classes=['c', 'b', 'd']
    )
    metric = build(**settings, matching_file=str(file), classwise=True)
    result = evaluate(metric, [labels], [labels])
    assert [result[f'IoU/{c}'] for c in 'bcd'] == [0, 0, 100]
    # A cluster that the split lacks is stored as standing for no class.
    evaluate(build(**settings, save_matching=str(file)), [[[3, 3]]], [[[2, 3]]])
    assert json.loads(file.read_text())['classes'] == [None, 'b', None]
    result = evaluate(build(**settings, matching_file=str(file)), [labels], [labels])
    assert result['aAcc'] == 25


def test_results_are_small_and_trimmed_per_image():
    metric = build(num_clusters=3, num_old_classes=2)
    label = torch.tensor([[0, 1, 255]])
    cells, counts = metric.intersect_and_union(label, label, 5, 255)
    assert cells.tolist() == [0, 6] and counts.tolist() == [1, 1]
    for _ in range(2):
        sample = dict(
            pred_sem_seg=dict(data=label[None] % 5), gt_sem_seg=dict(data=label[None])
        )
        metric.process({}, [sample])
    assert len(metric.results) == 2  # one entry an image, so that padding can be cut
    assert len(collect_results_cpu(metric.results, 1)) == 1


def test_arguments_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match='num_clusters must be 1 or more'):
        build(num_clusters=0)
    with pytest.raises(ValueError, match="not 'greedy'"):
        build(num_clusters=2, matching='greedy')
    with pytest.raises(ValueError, match="not 'dice'"):
        build(num_clusters=2, maximize='dice')
    label = np.array([[0, 1]])
    with pytest.raises(ValueError, match='leaves none of the 5 classes'):
        evaluate(build(num_clusters=2, num_old_classes=5), [label], [label])
    with pytest.raises(ValueError, match='predicts output 2, but .* num_clusters=2'):
        evaluate(build(num_clusters=2), [label + 1], [label])
    with pytest.raises(ValueError, match=r'holds \[5\], but the dataset has 5 classes'):
        evaluate(build(num_clusters=2), [label], [label + 4])
    file = tmp_path / 'matching.json'
    metric = build(num_clusters=2, matching_file=str(file))
    for act in (lambda: evaluate(metric, [label], [label]), metric.check_matching):
        with pytest.raises(FileNotFoundError, match=r'matching.json does not exist'):
            act()
    for text, message in (
        ('[', 'is no file of save_matching'),
        ('{"classes": ["a"], "num_old_classes": 0}', '1 clusters after 0 known'),
        ('{"classes": ["a", "b"], "num_old_classes": 1}', '2 clusters after 1 known'),
        ('{"classes": ["a", "zebra"], "num_old_classes": 0}', r"to \['zebra'\]"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=message):
            evaluate(metric, [label], [label])
