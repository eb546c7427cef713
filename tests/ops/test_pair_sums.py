import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import pair_sum, pair_sums


def inputs(images=4, clusters=3, channels=5, pixels=(6, 7), seed=0, dtype=torch.double):
    generator = torch.Generator().manual_seed(seed)
    options = dict(generator=generator, dtype=dtype)
    v = [torch.randn(images, clusters, p, **options).softmax(1) for p in pixels]
    u = [torch.randn(images, channels, p, **options) for p in pixels]
    return *v, *(torch.nn.functional.normalize(e, dim=1) for e in u)


@settings(max_examples=25, deadline=None)
@given(
    images=st.integers(2, 5),
    pixels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    block=st.integers(1, 200),
    rotation=st.integers(0, 4),
    function=st.sampled_from(['exp', 'linear', 'log']),
    positive=st.booleans(),
    seed=st.integers(0, 99),
)
def test_blocks_equal_the_dense_matrix(
    images, pixels, block, rotation, function, positive, seed
):
    rotation %= images
    data = inputs(images, pixels=pixels, seed=seed)
    results = []
    for size in (8 * block, 2**20):
        v, v2 = (t.clone().requires_grad_() for t in data[:2])
        whole = pytest.MonkeyPatch()
        whole.setattr(pair_sums, 'CPU_BLOCK', size)
        total, count = pair_sum(
            v, v2, *data[2:], 0.1, positive, function, rotation=rotation
        )
        whole.undo()
        total.backward()
        results.append((total.detach(), count, v.grad, v2.grad))
    # The dense version, by autograd.
    v, v2 = (t.clone().requires_grad_() for t in data[:2])
    affinity = data[2].mT @ data[3].roll(-rotation, 0)
    p = v.mT @ v2.roll(-rotation, 0)
    right, weight = (p, affinity) if positive else (1 - p, 1 - affinity)
    selected = affinity > 0.1 if positive else affinity < 0.1
    h = dict(exp=(1 - right).exp(), linear=1 - right, log=-right.log())[function]
    total = (selected * weight * h).sum()
    total.backward()
    results.append((total.detach(), selected.sum(), v.grad, v2.grad))
    for result in results[:2]:
        for found, expected in zip(result, results[2], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('positive', [True, False])
@pytest.mark.parametrize('function', ['exp', 'linear', 'log'])
def test_gradcheck(function, positive):
    v, v2, u, u2 = inputs(images=3, pixels=(4, 5))
    v.requires_grad_()
    v2.requires_grad_()

    def total(a, b):
        return pair_sum(a, b, u, u2, 0.05, positive, function, rotation=2)[0]

    assert torch.autograd.gradcheck(total, (v, v2))


def test_unknown_function():
    with pytest.raises(ValueError, match="'exp', 'linear' or 'log', not 'cube'"):
        pair_sum(*inputs(), 0.1, True, 'cube')
