"""Labels and scores with an unknown class: numbers of the authors' code, and loops.

Numbers of clovaai/SSUL e08ee9c on inputs by formula. Their channels are the unknown
class, the background, then the objects.
"""

import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.models.losses import IncrementalBCELoss
from mmseg_labelfree.ops import merge_unknown, name_old_objects

from ..reference_inputs import labels, wave

LABELS = labels(2, 7, 8, [0, 1, 1, 5, 2, 1], 6)
NEW = wave(2, 6, 7, 8)  # unknown, background, three old classes, a new one
OLD = wave(2, 5, 7, 8, phase=0.6, scale=1)
FIRST_IMAGE = [
    *(255, 1, 2, 5, 1, 4, 255, 1, 5, 1, 1, 0, 255, 2, 5, 1, 0, 1, 255, 5, 4, 1, 0, 3),
    *(255, 4, 4, 0, 1, 2, 255, 3, 4, 1, 2, 5, 255, 3, 3, 3, 5, 1, 255, 3, 3, 2, 5, 1),
    *(255, 3, 2, 5, 3, 1, 255, 2),
]


def ours(logits):
    """With the unknown channel last."""
    return logits.roll(-1, 1)


def relabeled(label, unknown):
    """Labels of theirs as ours: 0 becomes ``unknown``, others one less."""
    table = torch.tensor([unknown, *range(254), 255])
    return table[label]


def assert_loss(label, value, norm, first):
    logits = NEW.clone().requires_grad_()
    loss = IncrementalBCELoss(
        num_old_classes=1, variant='official', avg_non_ignore=True
    )
    found = loss(ours(logits), relabeled(label, 5))
    found.backward()
    assert found.item() == pytest.approx(value, abs=1e-8)
    assert logits.grad.norm().item() == pytest.approx(norm, abs=1e-8)
    assert_close(
        logits.grad.flatten()[:4], torch.tensor(first).double(), atol=1e-8, rtol=0
    )


def test_loss_of_the_code():
    first = [0.0, 0.00677530637, 0.00805929749, 0.00903531947]
    assert_loss(LABELS, 7.3718394207, 0.1617704954, first)


def test_pseudo_labels_of_the_code():
    found = name_old_objects(relabeled(LABELS, 254), ours(OLD))
    theirs = torch.where(found == 254, 0, torch.where(found == 255, 255, found + 1))
    assert theirs[0].flatten().tolist() == FIRST_IMAGE
    counts = [(theirs == k).sum().item() for k in (*range(6), 255)]
    assert counts == [8, 26, 17, 20, 8, 14, 19]
    assert (theirs != LABELS).sum() == 31
    first = [0.0, 0.00677530637, 0.00805929749, 0.00903531947]
    assert_loss(theirs, 6.2948581749, 0.1493106724, first)


def test_predictions_of_the_code():
    scores = merge_unknown(ours(NEW))
    classes = scores.argmax(1)
    assert [(classes == k).sum().item() for k in range(5)] == [72, 4, 36, 0, 0]
    want = [0] * 31 + [2] + [0] * 6 + [2, 2] + [0] * 4 + [2] * 4 + [0, 0] + [2] * 6
    assert classes[0].flatten().tolist() == want


@pytest.mark.parametrize('threshold', [0.0, 0.5, 0.9])
def test_labels_pixel_by_pixel(threshold):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=generator)
    values = torch.tensor([0, 1, 4, 254, 255])
    label = values[torch.randint(5, (2, 6, 7), generator=generator)]
    found = name_old_objects(label, logits, threshold)
    for n, y, x in torch.cartesian_prod(*map(torch.arange, label.shape)).tolist():
        want, column = label[n, y, x].item(), logits[n, :, y, x].tolist()
        best = max(range(5), key=column.__getitem__)
        sure = 1 / (1 + torch.tensor(-column[best]).exp().item()) >= threshold
        if want in (0, 254) and best in (1, 2, 3) and sure:
            want = best
        assert found[n, y, x] == want
    assert found.dtype == label.dtype


def test_scores_are_the_logarithms_of_sums_of_probabilities():
    logits = torch.randn(2, 6, 3, 4, dtype=torch.float64) * 4
    scores = merge_unknown(logits)
    p = logits.sigmoid()
    want = p[:, :5].clone()
    want[:, 0] += p[:, 5]
    assert_close(scores.exp(), want)
    logits = torch.tensor([0.0, 60.0, 61.0, 0.0]).view(1, 4, 1, 1)
    assert merge_unknown(logits - 20).isfinite().all()
    half = torch.tensor([0.0, -90.0, -80.0, -100.0]).view(1, 4, 1, 1).half()
    assert merge_unknown(half).dtype == torch.float32
    assert merge_unknown(half)[0, 1:].flatten().tolist() == [-90.0, -80.0]


def test_wrong_shapes():
    with pytest.raises(ValueError, match='old_logits'):
        name_old_objects(LABELS, OLD[0])
    with pytest.raises(ValueError, match='label'):
        name_old_objects(LABELS[:1], OLD)
    with pytest.raises(ValueError, match='logits'):
        merge_unknown(OLD[0])
