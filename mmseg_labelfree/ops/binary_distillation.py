"""Distillation of one binary classifier per class."""

from torch import Tensor
from torch.nn.functional import logsigmoid

from .checks import check_distillation
from .probabilities import full_precision

__all__ = ['binary_distillation']


def binary_distillation(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    r"""Compute the binary cross-entropies of the classes with a teacher.

    The distillation part of LwF-MC, a baseline of Modeling the Background (section
    6.2.1 of https://arxiv.org/abs/2201.13338). With :math:`t_c = \sigma(z_c)` of the
    teacher's logits z, a pixel costs
    :math:`-\sum_{c<K} t_c \log \sigma(x_c) + (1 - t_c) \log(1 - \sigma(x_c))`. The
    logits of new classes have a zero gradient.

    The sum over classes is what the authors' code arrives at by multiplying a mean by
    K; the published weight of 10 refers to that.

    Args:
        student_logits: ``(N, C, H, W)`` of the model in training, any precision.
        teacher_logits: ``(N, K, H, W)`` of the model before this step,
            ``2 <= K <= C``. No gradient flows into them.

    Returns:
        ``(N, H, W)`` in nats, float32 (float64 for float64), summed over classes and
        not averaged.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> import torch
        >>> student, teacher = torch.zeros(1, 4, 1, 1), torch.zeros(1, 3, 1, 1)
        >>> (binary_distillation(student, teacher) / 3).exp()
        tensor([[[2.]]])
    """
    num_old_classes = check_distillation(student_logits, teacher_logits)
    x = full_precision(student_logits[:, :num_old_classes])
    z = full_precision(teacher_logits.detach())
    match = z.sigmoid() * logsigmoid(x) + (-z).sigmoid() * logsigmoid(-x)
    return -match.sum(1)
