"""Labels and scores where objects of no known class are a class of their own."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .checks import check_label, check_logits
from .label_maps import UNLABELED
from .probabilities import full_precision

__all__ = ['merge_unknown', 'name_old_objects']


def name_old_objects(
    label: Tensor, old_logits: Tensor, threshold: float = 0.7
) -> Tensor:
    r"""Label the objects of old classes that a step's labels leave out (SSUL).

    A pixel of the background or of an unknown object takes the class with the
    largest of all the old model's logits, if that is an object's class and its
    probability :math:`\sigma` is at least the threshold
    (https://arxiv.org/abs/2106.11562).

    Args:
        label: Integers ``(N, H, W)``: 0 is the background, 254 an unknown object; all
            other labels, 255 among them, stay.
        old_logits: Of the old model ``(N, K + 2, H, W)``: the background, K old
            classes, and last the unknown class.
        threshold: Least probability of a class. Defaults to 0.7.

    Returns:
        ``(N, H, W)``, in the label's dtype.

    Raises:
        ValueError: Shapes or dtypes disagree.

    Example:
        >>> old = torch.tensor([[[[0.0, 0, 3]], [[9, 0.5, 2]], [[0, 0, 4]]]])
        >>> name_old_objects(torch.tensor([[[0, 0, 254]]]), old)
        tensor([[[  1,   0, 254]]])
    """
    check_logits(old_logits, 'old_logits')
    check_label(label, old_logits)
    scores, index = full_precision(old_logits).max(1)
    is_object = (index > 0) & (index < old_logits.shape[1] - 1)
    sure = is_object & (scores.sigmoid() >= threshold)
    free = (label == 0) | (label == UNLABELED)
    return torch.where(free & sure, index.to(label.dtype), label)


def merge_unknown(logits: Tensor) -> Tensor:
    r"""Score the known classes, with the unknown one as background (SSUL).

    The background's score is :math:`\sigma(x_b) + \sigma(x_u)`, which may exceed 1,
    that of a class :math:`\sigma(x_c)`. Here they are logarithms, so that the largest
    one is told where probabilities round to 1, and a softmax makes probabilities of
    them, as a dense CRF or a vote of several views does.

    Args:
        logits: ``(N, C + 1, H, W)``: the background, the other classes, and last the
            unknown class.

    Returns:
        ``(N, C, H, W)``, float32 (float64 for float64), at most log 2.

    Raises:
        ValueError: The shape or dtype is wrong.

    Example:
        >>> logits = torch.tensor([0.0, 0.5, 0.0]).view(1, 3, 1, 1)
        >>> merge_unknown(logits).exp().flatten()  # 0.5 + 0.5, and 0.62
        tensor([1.0000, 0.6225])
    """
    check_logits(logits)
    scores = logsigmoid(full_precision(logits))
    background = torch.logaddexp(scores[:, :1], scores[:, -1:])
    return torch.cat([background, scores[:, 1:-1]], 1)
