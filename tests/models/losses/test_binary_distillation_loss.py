import torch
import torch.nn.functional as F
from mmseg.registry import MODELS


def test_is_a_sum_over_classes():
    generator = torch.Generator().manual_seed(2)
    student = torch.randn(2, 6, 5, 7, generator=generator).requires_grad_()
    teacher = torch.randn(2, 3, 5, 7, generator=generator)
    loss = MODELS.build(dict(type='BinaryDistillationLoss', loss_weight=10.0))
    value = loss(student, teacher)
    # As the authors' code writes it: 10 * n_old * mean over pixels and classes.
    literal = F.binary_cross_entropy_with_logits(student[:, :3], teacher.sigmoid())
    torch.testing.assert_close(value, 10 * 3 * literal)
    (grad,) = torch.autograd.grad(value, student)
    assert (grad[:, 3:] == 0).all()
