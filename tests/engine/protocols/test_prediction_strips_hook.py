"""Strips of the last validation, for systems of each kind."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.engine.protocols.prediction_strips_hook import image_iou
from mmseg_labelfree.visualization.prediction_strips import PredictionStrips


def slow_iou(label, prediction):
    ious = []
    for name in range(255):
        truth = (label == name) & (label != 255)
        found = (prediction == name) & (label != 255)
        if (truth | found).any():
            ious.append((truth & found).sum() / (truth | found).sum())
    return 100 * np.mean(ious)


def test_iou_of_an_image_is_that_of_a_loop_over_classes():
    generator = np.random.default_rng(0)
    for _ in range(5):
        label = generator.integers(0, 6, (9, 7))
        prediction = np.where(generator.random((9, 7)) < 0.5, label, 3)
        label[generator.random((9, 7)) < 0.2] = 255
        found = image_iou(torch.tensor(label), torch.tensor(prediction))
        assert found == pytest.approx(slow_iou(label, prediction), rel=1e-6)


def test_an_image_without_labels_has_no_iou():
    assert math.isnan(image_iou(torch.full((2, 2), 255), torch.zeros(2, 2).long()))


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['incremental', 'semi', 'novel', 'iddc'])
def test_each_system_shows_predictions(kind, request):
    cfg = request.getfixturevalue(kind)
    runner = ProtocolRunner(cfg)
    runner.run()
    assert (Path(cfg.work_dir) / 'report.html').is_file()
    strips = PredictionStrips.read(runner.stage().cfg.work_dir)
    assert strips.shown and [*strips.groups()] == ['first images', 'worst', 'best']
    worst, best = ([s.iou for s in strips.groups()[g]] for g in ('worst', 'best'))
    assert worst == sorted(worst) and best == sorted(best, reverse=True)
    assert worst[-1] <= best[-1]
