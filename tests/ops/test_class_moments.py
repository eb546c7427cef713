"""Against the numbers of github.com/BIT-DA/SePiCo bce38ed, in float64, and loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmseg_labelfree.ops import class_moments, merge_moments_

from ..reference_inputs import labels, wave

BATCHES = ([0, 1, 0], [1, 2, 2, 0], [0, 2, 3])
# fmt: off
MEAN = [0.405493373, 0.2389111839, -0.3452237949, -0.2467224044, 0.3982331212,
        0.0450392371, -0.4106674517]
VARIANCE = [0.0166808877, 0.0556777067, 0.0329401248, 0.0543131195, 0.0187734264,
            0.0753929792, 0.0154010054]
# fmt: on


def empty(num_classes, channels, dtype=torch.double):
    sizes = num_classes, channels
    counts = torch.zeros(num_classes, dtype=torch.int64)
    return counts, torch.zeros(sizes, dtype=dtype), torch.zeros(sizes, dtype=dtype)


def test_numbers_of_the_authors_code():
    moments = empty(5, 7)
    for t, classes in enumerate(BATCHES):
        features = F.normalize(wave(2, 7, 3, 4, phase=0.3 * t), dim=1)
        merge_moments_(*moments, *class_moments(features, labels(2, 3, 4, classes), 5))
    counts, means, variances = moments
    assert counts.tolist() == [33, 12, 18, 9, 0]
    sums = [0.0850632643, 0.1058360321, 0.0415495565, -0.0350867108, 0.0]
    assert means.sum(1).tolist() == pytest.approx(sums, abs=1e-9)
    sums = [0.2691792497, 0.1941415891, 0.1724117114, 0.2548747388, 0.0]
    assert variances.sum(1).tolist() == pytest.approx(sums, abs=1e-9)
    assert means[0].tolist() == pytest.approx(MEAN, abs=1e-9)
    assert variances[0].tolist() == pytest.approx(VARIANCE, abs=1e-9)


def test_any_number_of_updates_is_one_over_everything():
    """In float32, against NumPy in float64, with means that wander."""
    generator = torch.Generator().manual_seed(0)
    moments = empty(3, 4, torch.float)
    seen = [[] for _ in range(3)]
    for t in range(300):
        features = torch.randn(1, 4, 3, 5, generator=generator) + 5 + t / 100
        label = torch.randint(0, 4, (1, 3, 5), generator=generator)
        label[label == 3] = 255
        merge_moments_(*moments, *class_moments(features, label, 3))
        for c in range(3):
            seen[c].append(features.movedim(1, -1)[label == c].double().numpy())
    rows = [np.concatenate(parts) for parts in seen]
    assert moments[0].tolist() == [len(r) for r in rows]
    for c, r in enumerate(rows):
        np.testing.assert_allclose(moments[1][c], r.mean(0), rtol=1e-5)
        np.testing.assert_allclose(moments[2][c], r.var(0), rtol=1e-4)


def test_what_is_no_class_and_what_is_not_finite_does_not_count():
    features = torch.tensor([1.0, 3.0, torch.nan, 9.0]).view(1, 1, 2, 2)
    counts, means, variances = class_moments(
        features.bfloat16(), torch.tensor([[[1, 1], [1, 255]]]), 3
    )
    assert counts.tolist() == [0, 2, 0] and means.dtype == torch.float32
    assert means.flatten().tolist() == [0, 2, 0]
    assert variances.flatten().tolist() == [0, 1, 0]
    moments = counts, means, variances
    before = [m.clone() for m in moments]
    nothing = class_moments(features[:0], torch.zeros(0, 2, 2).long(), 3)
    merge_moments_(*moments, *nothing)
    assert all(map(torch.equal, moments, before))


def moments_of_a_process(features, label):
    import torch.distributed as dist

    rows = [[0], [1, 2]][dist.get_rank()]
    return [m.numpy() for m in class_moments(features[rows], label[rows], 4)]


@pytest.mark.slow
def test_two_processes_equal_one(in_two_processes):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 5, 6, generator=generator)
    label = torch.randint(0, 4, (3, 5, 6), generator=generator)
    parts = in_two_processes(moments_of_a_process, features, label)
    expected = class_moments(features, label, 4)
    for first, second, whole in zip(*parts, expected, strict=True):
        assert np.array_equal(first, second)
        assert_close(torch.from_numpy(first), whole)
