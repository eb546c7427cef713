"""Against the numbers of github.com/BIT-DA/SePiCo bce38ed, in float64, and loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.ops import (
    distribution_contrast,
    majority_labels,
    mean_feature_regularizer,
)

from ..reference_inputs import labels, wave

# Temperature, whether variances count, factor of the regularizer; value, norm of the
# gradient, its third number.
AUTHORS = [
    (100.0, True, 0, 1.6086630447, 0.00121372315, -0.000126267084),
    (0.5, True, 0, 2.7567707831, 0.7790719164, 0.0447092144),
    (0.5, True, 1, 1.6751279233, 0.7375731838, 0.0373981259),
    (0.5, False, 0, 1.6539763751, 0.2716044488, -0.0143791617),
]
# fmt: off
SMALL = [
    255, 255, 1, 255, 255, 255, 255, 255, 3, 255, 2, 255, 255, 255, 2, 255, 4, 255, 2,
    255, 255, 255, 255, 255, 2, 255, 255, 255, 255, 255, 255, 255, 3, 255, 255, 2, 255,
    255, 255, 2, 0, 255, 255, 2, 255, 255, 255, 255,
]
# fmt: on


@pytest.fixture
def authors_case():
    """Features, labels, means and variances."""
    blocks = labels(2, 4, 6, [0, 3, 2, 1, 255, 4, 3])
    blocks = blocks.repeat_interleave(4, 1).repeat_interleave(4, 2)
    blocks.view(-1)[::5] = 255
    blocks.view(-1)[::7] = 2
    small = majority_labels(blocks, (4, 4))
    features = F.normalize(wave(2, 7, 4, 6, phase=0.2), dim=1).requires_grad_()
    means = wave(5, 7, phase=0.4, scale=0.3)
    return features, small, means, wave(5, 7, phase=1.1, scale=1.0) ** 2


def test_labels_of_the_authors_code(authors_case):
    assert authors_case[1].flatten().tolist() == SMALL
    full = labels(1, 3, 4, [0, 1, 255])
    assert torch.equal(majority_labels(full, (1, 1)), full)


@pytest.mark.parametrize(
    ('temperature', 'varies', 'factor', 'value', 'norm', 'third'), AUTHORS
)
def test_numbers_of_the_authors_code(
    authors_case, temperature, varies, factor, value, norm, third
):
    features, label, means, variances = authors_case
    loss = distribution_contrast(
        features, label, means, variances if varies else None, temperature
    )
    loss = loss + factor * mean_feature_regularizer(features, label, means, temperature)
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-9)
    assert features.grad.norm().item() == pytest.approx(norm, rel=1e-8)
    first = features.grad.flatten()[:4].tolist()
    assert first == pytest.approx([0, 0, third, 0], rel=1e-7)


def slow_contrast(features, label, means, variances, temperature):
    """The sum over pixels, classes and channels, as the paper's code adds it up."""
    losses = []
    for n, y, x in (label != 255).nonzero().tolist():
        z = features[n, :, y, x].tolist()
        logits = [
            sum(a * m for a, m in zip(z, mean, strict=True)) / temperature
            + sum(a * a * v for a, v in zip(z, variance, strict=True))
            / (2 * temperature**2)
            for mean, variance in zip(means.tolist(), variances.tolist(), strict=True)
        ]
        own = label[n, y, x].item()
        cost = math.log(sum(map(math.exp, logits))) - logits[own]
        spread = zip(z, variances[own].tolist(), strict=True)
        losses.append(cost + sum(a * a * v for a, v in spread) / (2 * temperature**2))
    return sum(losses) / len(losses)


@pytest.fixture
def random_case():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 2, 5, generator=generator, dtype=torch.double)
    label = torch.randint(0, 4, (3, 2, 5), generator=generator)
    label[label == 3] = 255
    means = torch.randn(3, 4, generator=generator).double()
    return F.normalize(features, dim=1), label, means, means.square() + 0.1


@pytest.mark.parametrize('temperature', [0.2, 1.0, 100.0])
def test_by_loops(random_case, temperature):
    found = distribution_contrast(*random_case, temperature)
    expected = slow_contrast(*random_case, temperature)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_it_bounds_the_contrast_with_samples(random_case):
    """A draw of each class in place of the distribution costs less on the average."""
    features, label, means, variances = random_case
    torch.manual_seed(0)
    drawn = means + variances.sqrt() * torch.randn(4000, *means.shape).double()
    keys = torch.einsum('ndhw,scd->nhwsc', features, drawn)
    cost = keys.logsumexp(-1) - keys.gather(
        -1, label.where(label != 255, 0)[..., None, None].expand(*keys.shape[:4], 1)
    ).squeeze(-1)
    sampled = cost.mean(-1)[label != 255].mean()
    bound = distribution_contrast(*random_case, temperature=1.0)
    assert sampled < bound < sampled + 1


def test_gradients(random_case):
    features, *others = random_case

    def total(x):
        loss = distribution_contrast(x, *others, 0.5)
        return loss + mean_feature_regularizer(x, *others[:2], 0.5)

    assert torch.autograd.gradcheck(total, features.requires_grad_())


def test_the_regularizer_is_highest_where_no_class_is_nearer(random_case):
    features, label, means, _ = random_case
    even = mean_feature_regularizer(features, label, torch.ones_like(means), 0.5)
    assert even.item() == pytest.approx(-1)
    assert mean_feature_regularizer(features, label, means, 0.5) < -1


def test_nothing_labeled_costs_nothing(random_case):
    features, label, means, variances = random_case
    features.requires_grad_()
    nowhere = torch.full_like(label, 255)
    for found in (
        distribution_contrast(features, nowhere, means, variances),
        mean_feature_regularizer(features, nowhere, means),
    ):
        (grad,) = torch.autograd.grad(found, features)
        assert found == 0 and not grad.any()
    empty = features[:0], label[:0], means
    assert distribution_contrast(*empty, variances) == 0
    assert mean_feature_regularizer(*empty) == 0


def test_half_precision_is_computed_in_single(random_case):
    half = [x.bfloat16() if x.is_floating_point() else x for x in random_case]
    single = [x.float() if x.is_floating_point() else x for x in half]
    with torch.autocast('cpu', torch.bfloat16):
        found = distribution_contrast(*half), mean_feature_regularizer(*half[:3])
    expected = distribution_contrast(*single), mean_feature_regularizer(*single[:3])
    assert all(x.dtype == torch.float32 for x in found)
    torch.testing.assert_close(found, expected)


def part_of_a_process(features, *others):
    import torch.distributed as dist

    rows = [[0], [1, 2]][dist.get_rank()]
    own = features[rows].requires_grad_()
    label, means, variances = others
    loss = distribution_contrast(own, label[rows], means, variances, 0.5)
    loss = loss + mean_feature_regularizer(own, label[rows], means, 0.5)
    (grad,) = torch.autograd.grad(loss, own)
    return loss.item(), grad.numpy()


@pytest.mark.slow
def test_two_processes_equal_one(in_two_processes, random_case):
    features, label, means, variances = random_case
    parts = in_two_processes(part_of_a_process, *random_case)
    features.requires_grad_()
    whole = distribution_contrast(features, label, means, variances, 0.5)
    whole = whole + mean_feature_regularizer(features, label, means, 0.5)
    (grad,) = torch.autograd.grad(whole, features)
    assert sum(part[0] for part in parts) / 2 == pytest.approx(whole.item(), rel=1e-12)
    parts = torch.cat([torch.from_numpy(part[1]) for part in parts])
    torch.testing.assert_close(parts / 2, grad)
