import numpy as np
import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import FeatureDistillationLoss


def features(seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 4, 5, generator=generator, dtype=dtype)


def test_matches_loop_over_elements():
    student, teacher = features(0).requires_grad_(), features(1).requires_grad_()
    loss = MODELS.build(dict(type='FeatureDistillationLoss', loss_weight=100.0))
    assert isinstance(loss, FeatureDistillationLoss)
    want = 0.0
    for index in np.ndindex(*student.shape):
        want += (student[index].item() - teacher[index].item()) ** 2
    value = loss(student, teacher)
    assert value.item() == pytest.approx(100 * want / student.numel())
    value.backward()
    expected = 200 * (student - teacher).detach() / student.numel()
    torch.testing.assert_close(student.grad, expected)
    assert teacher.grad is None


def test_gradcheck():
    loss = FeatureDistillationLoss(loss_weight=3.0)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, features(1)), features(0).requires_grad_()
    )


def test_picks_one_of_several_features():
    student, teacher = ([features(s + k) for s in (0, 10, 20)] for k in (0, 1))
    last = FeatureDistillationLoss()(student, teacher)
    assert torch.equal(last, FeatureDistillationLoss()(student[2], teacher[2]))
    first = FeatureDistillationLoss(in_index=0)(tuple(student), tuple(teacher))
    assert torch.equal(first, FeatureDistillationLoss()(student[0], teacher[0]))


def test_half_precision_is_computed_in_float32():
    # 300 squared is beyond float16.
    student = torch.full((1, 2, 3, 3), 300.0, dtype=torch.float16).requires_grad_()
    loss = FeatureDistillationLoss()(student, torch.zeros_like(student))
    assert loss.dtype == torch.float32 and loss == 90000
    loss.backward()
    assert student.grad.dtype == torch.float16
    want = torch.full_like(student, 600 / 18)
    torch.testing.assert_close(student.grad, want, rtol=1e-3, atol=0)


def test_settings():
    loss = FeatureDistillationLoss('decoder', loss_weight=5.0, loss_name='loss_ilt')
    assert (loss.compares, loss.loss_name) == ('decoder', 'loss_ilt')
    assert FeatureDistillationLoss().compares == 'backbone'
    assert "level='decoder', in_index=-1, loss_weight=5.0" in repr(loss)
    with pytest.raises(ValueError, match="'backbone' or 'decoder', got 'neck'"):
        FeatureDistillationLoss('neck')
    with pytest.raises(ValueError, match="'loss_', got 'mse'"):
        FeatureDistillationLoss(loss_name='mse')
    with pytest.raises(ValueError, match=r'student \(2, 3, 4, 5\) and teacher \(2, 2'):
        FeatureDistillationLoss()(features(0), features(1)[:, :2])
