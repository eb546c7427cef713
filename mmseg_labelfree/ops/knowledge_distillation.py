"""Distillation over the classes known before alone."""

from torch import Tensor

from .checks import check_distillation
from .probabilities import full_precision

__all__ = ['knowledge_distillation']


def knowledge_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = True,
) -> Tensor:
    r"""Compute the distillation of the old classes alone (MiB, eq. 7-8).

    Learning without Forgetting as in https://arxiv.org/abs/2201.13338: the student's
    probabilities q are made to sum to 1 over the teacher's K classes, so the logits of
    new classes have a zero gradient. With t the teacher's probabilities the loss of a
    pixel is :math:`-\sum_{c<K} t_c \log (q_c / \sum_{k<K} q_k)`.

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
        >>> import torch
        >>> student, teacher = torch.zeros(1, 4, 1, 1), torch.zeros(1, 3, 1, 1)
        >>> knowledge_distillation(student, teacher, class_average=False).exp()
        tensor([[[3.]]])
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    target = (full_precision(teacher_logits.detach()) * alpha).softmax(1)
    log_q = full_precision(student_logits[:, :num_old_classes]).log_softmax(1)  # eq. 8
    match = (target * log_q).sum(1)  # eq. 7
    return -match / num_old_classes if class_average else -match
