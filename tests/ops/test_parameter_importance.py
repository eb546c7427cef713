import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import parameter_importance as ops

SHAPES = [(3, 2), (4,), ()]


def tensors(seed, positive=False):
    rng = np.random.default_rng(seed)
    values = [torch.from_numpy(np.asarray(rng.normal(size=s))) for s in SHAPES]
    return [v.abs() for v in values] if positive else values


def elements(*lists):
    """The elements of parallel lists of tensors, one tuple of floats each."""
    flat = [torch.cat([t.flatten() for t in tensors]).tolist() for tensors in lists]
    return list(zip(*flat, strict=True))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), alpha=st.sampled_from([0.1, 0.9, 1.0]))
def test_fisher_is_a_running_average_of_squares(seed, alpha):
    fisher = [torch.ones_like(t) for t in tensors(0)]
    grads = [tensors(seed), tensors(seed + 1)]
    for g in grads:
        ops.update_fisher_(fisher, g, alpha)
    for (got,), first, second in zip(
        elements(fisher), elements(grads[0]), elements(grads[1]), strict=True
    ):
        want = alpha * first[0] ** 2 + (1 - alpha)
        want = alpha * second[0] ** 2 + (1 - alpha) * want
        assert got == pytest.approx(want)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), eps=st.sampled_from([1e-7, 0.1]))
def test_scores_match_loop_over_elements(seed, eps):
    path, distance = tensors(seed), tensors(seed + 1)
    fisher = tensors(seed + 2, positive=True)
    want_pi = [max(0.0, w / (d**2 + eps)) for w, d in elements(path, distance)]
    want_rw = [
        max(0.0, w / (0.5 * f * d**2 + eps))
        for w, d, f in elements(path, distance, fisher)
    ]
    got_pi = ops.path_integral_score(path, distance, eps)
    got_rw = ops.riemannian_score(path, distance, fisher, eps)
    assert [e[0] for e in elements(got_pi)] == pytest.approx(want_pi)
    assert [e[0] for e in elements(got_rw)] == pytest.approx(want_rw)
    assert elements(path) == elements(tensors(seed))  # the inputs are left alone
    assert elements(distance) == elements(tensors(seed + 1))


def test_parameters_that_did_not_move_have_a_finite_score():
    still = [torch.zeros(2)]
    assert ops.path_integral_score(still, still)[0].tolist() == [0, 0]
    assert ops.riemannian_score(still, still, still)[0].tolist() == [0, 0]


def test_path_integral_of_a_quadratic_loss():
    """SGD on sum k_i (x_i - a_i)^2 / 2 with a small rate: w_i is i's decrease."""
    k = torch.tensor([1.0, 3.0, 0.2], dtype=torch.float64)
    start = torch.tensor([2.0, -1.0, 5.0], dtype=torch.float64)
    goal = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    rate, steps = 1e-3, 2000
    theta, path = start.clone(), [torch.zeros(3, dtype=torch.float64)]
    riemann = [0.0] * 3
    for _ in range(steps):
        grad = k * (theta - goal)
        move = -rate * grad
        ops.accumulate_path_(path, [grad], [theta], [theta + move])
        for i in range(3):
            riemann[i] -= grad[i].item() * move[i].item()
        theta = theta + move
    assert path[0].tolist() == pytest.approx(riemann)
    decrease = 0.5 * k * ((start - goal) ** 2 - (theta - goal) ** 2)
    assert path[0].tolist() == pytest.approx(decrease.tolist(), rel=3e-3)
    # In closed form: theta - goal shrinks by r = 1 - rate k, so the sum is geometric.
    r2 = (1 - rate * k) ** 2
    exact = rate * (k * (start - goal)) ** 2 * (1 - r2**steps) / (1 - r2)
    torch.testing.assert_close(path[0], exact)


def test_normalize_is_min_max_per_tensor():
    got = ops.normalize_importance(torch.tensor([[2.0, 6.0], [3.0, 4.0]]))
    assert got.tolist() == [[0.0, 1.0], [0.25, 0.5]]
    assert ops.normalize_importance(torch.full((3,), 7.0)).tolist() == [0, 0, 0]
    assert ops.normalize_importance(torch.tensor(7.0)).item() == 0


def test_normalize_is_the_authors():
    """From https://github.com/fcdl94/MiB, commit 1c58983, ``normalize_fn``."""
    rows, columns = np.indices((3, 4))
    angle = 0.7 * rows * (1 + 0.05 * rows) + 1.3 * columns * (1 + 0.05 * columns)
    importance = torch.from_numpy((3 * np.sin(0.1 + angle)) ** 2)
    want = torch.tensor(
        [
            0.0,
            0.9935349946,
            0.0229873229,
            0.9884711165,
            0.5476303794,
            0.6533352546,
            0.2702630211,
            0.6740385496,
            0.9999999989,
            0.0087034559,
            0.9597530672,
            0.0150701228,
        ],
        dtype=torch.float64,
    )
    got = ops.normalize_importance(importance, eps=1e-8)
    torch.testing.assert_close(got.flatten(), want, rtol=0, atol=1e-9)
    # A range far below eps is not stretched to 0..1.
    assert ops.normalize_importance(1e-12 * importance, eps=1e-8).max() < 1e-2


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_penalty_and_its_gradient(seed):
    params = [p.requires_grad_() for p in tensors(seed)]
    reference, omega = tensors(seed + 1), tensors(seed + 2, positive=True)
    value = ops.quadratic_penalty(params, reference, omega)
    want = sum(o * (p - r) ** 2 for p, r, o in elements(params, reference, omega))
    assert value.item() == pytest.approx(want)
    autograd = torch.autograd.grad(3.0 * value, params)
    grads = tensors(seed + 3)
    with torch.no_grad():
        ops.add_penalty_gradient_(grads, params, reference, omega, weight=3.0)
    for got, task, penalty in zip(grads, tensors(seed + 3), autograd, strict=True):
        torch.testing.assert_close(got, task + penalty)
