"""Distillation in which new classes count as the teacher's background."""

import torch
from torch import Tensor

from .checks import check_distillation
from .probabilities import full_precision, log_share_within

__all__ = ['unbiased_knowledge_distillation']


def unbiased_knowledge_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = True,
) -> Tensor:
    r"""Compute the unbiased distillation of each pixel (MiB, eq. 7 and 9).

    Modeling the Background (https://arxiv.org/abs/2201.13338): the teacher may have
    called pixels of the new classes background. With :math:`q` the student's softmax
    over all C classes and :math:`t` the teacher's over its K classes, a pixel costs

    .. math::
        -t_0 \log\Big(q_0 + \sum_{k \ge K} q_k\Big) - \sum_{c=1}^{K-1} t_c \log q_c .

    Args:
        student_logits: ``(N, C, H, W)`` of the model in training, any precision.
        teacher_logits: ``(N, K, H, W)`` of the model before this step,
            ``2 <= K <= C``. No gradient flows into them.
        alpha: Factor on the teacher's logits, above 1 for sharper targets. As in the
            authors' code the student's logits are not scaled. Defaults to 1.0.
        class_average: Divide by K as the authors' code does; the published weights of
            10 and 100 refer to that. False is the plain sum (MiB, eq. 7). Defaults to
            True.

    Returns:
        ``(N, H, W)`` in nats (per class if averaged), float32 (float64 for float64),
        not averaged over the pixels.

    Raises:
        ValueError: The shapes do not fit or ``alpha`` is not positive.

    Example:
        >>> student, teacher = torch.zeros(1, 4, 1, 1), torch.zeros(1, 3, 1, 1)
        >>> teacher[:, 0] = 100  # surely background, for which 2 classes stand now
        >>> unbiased_knowledge_distillation(student, teacher, class_average=False).exp()
        tensor([[[2.]]])
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    target = (full_precision(teacher_logits.detach()) * alpha).softmax(1)
    x = full_precision(student_logits)
    log_q = x.log_softmax(1)
    rest = torch.cat([x[:, :1], x[:, num_old_classes:]], 1)
    share, new = log_share_within(rest)
    index = torch.where(new > 0, new + (num_old_classes - 1), new)[:, None]
    background = log_q.gather(1, index)[:, 0] - share  # eq. 9
    match = (target[:, 1:] * log_q[:, 1:num_old_classes]).sum(1)
    match = target[:, 0] * background + match  # eq. 7
    return -match / num_old_classes if class_average else -match
