import numpy as np
import pytest
import torch

from mmseg_labelfree.ops.feature_distillation import feature_distillation


def features(seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 4, 5, generator=generator, dtype=dtype)


def test_matches_loop_over_elements():
    student, teacher = features(0).requires_grad_(), features(1).requires_grad_()
    want = 0.0
    for index in np.ndindex(*student.shape):
        want += (student[index].item() - teacher[index].item()) ** 2
    value = feature_distillation(student, teacher)
    assert value.item() == pytest.approx(want / student.numel())
    value.backward()
    expected = 2 * (student - teacher).detach() / student.numel()
    torch.testing.assert_close(student.grad, expected)
    assert teacher.grad is None


def test_gradcheck():
    assert torch.autograd.gradcheck(
        lambda x: feature_distillation(x, features(1)), features(0).requires_grad_()
    )


def test_half_precision_is_computed_in_float32():
    # 300 squared is beyond float16.
    student = torch.full((1, 2, 3, 3), 300.0, dtype=torch.float16).requires_grad_()
    loss = feature_distillation(student, torch.zeros_like(student))
    assert loss.dtype == torch.float32 and loss == 90000
    loss.backward()
    assert student.grad.dtype == torch.float16
    want = torch.full_like(student, 600 / 18)
    torch.testing.assert_close(student.grad, want, rtol=1e-3, atol=0)


def test_different_shapes():
    with pytest.raises(ValueError, match=r'student \(2, 3, 4, 5\) and teacher \(2, 2'):
        feature_distillation(features(0), features(1)[:, :2])
