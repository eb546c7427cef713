"""Labels of the background against the numbers of the authors' code and loops.

Numbers of arthurdouillard/CVPR2021_PLOP 4b4a060 on inputs by formula.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmseg_labelfree.ops import softmax_entropy
from mmseg_labelfree.ops.entropy_thresholds import (
    count_entropies,
    label_background,
    median_thresholds,
    official_entropy,
    official_thresholds,
)

from ..reference_inputs import labels, wave

LABELS = labels(2, 9, 9, [0, 4, 0, 0, 5, 0, 0], 13)
OFFICIAL = [0.00100000005, 0.0583333336, *[0.00100000005] * 4]
BY_HAND = [0.02, 0.05, 0.03, 0.08, 0.001, 0.001]


def old_model(*shape, phase=0.5):
    logits = wave(*shape, phase=phase, scale=4)
    return logits.argmax(1), official_entropy(softmax_entropy(logits), shape[1])


def counted(bins, scale=1.0):
    """Both batches of the numbers."""
    total = torch.zeros(6, bins)
    for phase in (0.5, 1.5):
        classes, entropy = old_model(2, 4, 9, 9, phase=phase)
        total += count_entropies(entropy * scale, classes, LABELS == 0, 6, bins)
    return total


def test_entropy_of_the_code():
    _, entropy = old_model(2, 4, 9, 9)
    first = [0.0776857399, 0.1086757573, 0.1288298488, 0.1086682987]
    assert_close(entropy[0, 0, :4], torch.tensor(first).double(), rtol=0, atol=1e-7)
    assert entropy.sum().item() == pytest.approx(11.2905805126, abs=1e-4)


def test_thresholds_of_the_code():
    counts = counted(100, 1 / math.log(6))
    assert counts.sum(1).tolist() == [37, 25, 65, 87, 0, 0]
    assert_close(official_thresholds(counts), torch.tensor(OFFICIAL))


def test_thresholds_of_the_code_for_many_pixels():
    classes, entropy = old_model(1, 4, 250, 250)
    inside = torch.ones_like(classes, dtype=torch.bool)
    counts = count_entropies(entropy / math.log(6), classes, inside, 6, 100)
    assert counts.sum(1).tolist() == [15830, 14133, 15576, 16961, 0, 0]
    found = official_thresholds(counts)
    assert_close(found, torch.tensor([math.inf] * 4 + [0.001] * 2))
    counts = count_entropies(entropy / math.log(6), classes, inside, 6, 10_000)
    want = [0.0369439836, 0.0453535574, 0.0377258078, 0.0296206691, 0.001, 0.001]
    assert_close(median_thresholds(counts), torch.tensor(want), rtol=0, atol=1e-4)


def test_medians_are_those_of_the_values():
    found = median_thresholds(counted(10_000, 1 / math.log(6)))
    want = [0.0370065638, 0.060653095, 0.0376130296, 0.0278308366, 0.001, 0.001]
    assert_close(found, torch.tensor(want), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ('thresholds', 'share', 'value', 'norm'),
    [
        (OFFICIAL, [0.0, 0.0740740727], 0.0404068525, 0.00259321124),
        (BY_HAND, [0.5283018768, 0.629629618], 0.6955819259, 0.0312221294),
    ],
)
def test_labels_and_loss_of_the_code(thresholds, share, value, norm):
    classes, entropy = old_model(2, 4, 9, 9)
    entropy = entropy / math.log(6)
    filled = label_background(LABELS, classes, entropy, torch.tensor(thresholds))
    assert_close(filled.share, torch.tensor(share), rtol=1e-6, atol=1e-8)
    logits = wave(2, 6, 9, 9, phase=0.1).requires_grad_()
    pixels = F.cross_entropy(logits, filled.labels, ignore_index=255, reduction='none')
    loss = (pixels * filled.share.double()[:, None, None]).mean()
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-7)
    assert logits.grad.norm().item() == pytest.approx(norm, rel=1e-6)


def test_background_alone_is_filled():
    generator = torch.Generator().manual_seed(0)
    given = torch.randint(0, 4, (2, 5, 5), generator=generator)
    given[0, 0] = 255
    classes = torch.randint(0, 3, (2, 5, 5), generator=generator)
    entropy = torch.rand(2, 5, 5, generator=generator)
    thresholds = torch.tensor([0.3, 0.6, 0.9])
    filled = label_background(given, classes, entropy, thresholds)
    for n in range(2):
        sure = 0
        for y in range(5):
            for x in range(5):
                want = given[n, y, x]
                if want == 0:
                    good = entropy[n, y, x] < thresholds[classes[n, y, x]]
                    sure += int(good)
                    want = classes[n, y, x] if good else 255
                assert filled.labels[n, y, x] == want
        number = int((given[n] == 0).sum())
        assert filled.share[n].item() == pytest.approx(sure / number, rel=1e-5)


def test_image_without_background_has_no_share():
    ones = torch.ones(1, 2, 2, dtype=torch.long)
    filled = label_background(ones, ones, torch.zeros(1, 2, 2), torch.ones(2))
    assert torch.equal(filled.labels, ones)
    assert filled.share.item() == 0
