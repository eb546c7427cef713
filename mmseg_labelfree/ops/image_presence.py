"""Which classes an image holds, asked of the most probable pixel of each class."""

import torch
from torch import Tensor

from .checks import check_label, check_logits
from .label_maps import IGNORE
from .probabilities import full_precision

__all__ = ['image_presence_loss']


def image_presence_loss(
    logits: Tensor, label: Tensor, class_set: Tensor, ignore_index: int = IGNORE
) -> Tensor:
    r"""Compute the loss of the classes of each image, without their places.

    Bearman et al., "What's the Point: Semantic Segmentation with Point Supervision"
    (https://arxiv.org/abs/1506.02106), eq. 2, the baseline 'Img Lvl' in Table 5 of
    Modeling the Background: with :math:`t_c` the pixel where class c is most probable,

    .. math::
        -\frac{1}{|L|} \sum_{c \in L} \log q_c(t_c)
        - \frac{1}{|L'|} \sum_{c \in L'} \log (1 - q_c(t_c))

    for the classes L of the image and the others L'.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        label: Integer ``(N, H, W)``, of which only ``ignore_index`` counts: such pixels
            take no part.
        class_set: L of each image, bool ``(N, C)``; see
            :func:`~mmseg_labelfree.ops.image_classes`.
        ignore_index: Label of pixels that are left out. Defaults to 255.

    Returns:
        ``(N,)`` in nats, float32 (float64 for float64). 0 with a zero gradient where
        every pixel is left out.

    Raises:
        ValueError: Shapes or dtypes disagree.

    Example:
        >>> logits, label = torch.zeros(1, 4, 1, 2), torch.zeros(1, 1, 2).long()
        >>> here = torch.tensor([[True, False, False, False]])
        >>> image_presence_loss(logits, label, here).exp()  # log 4 - log (3 / 4)
        tensor([5.3333])
    """
    check_logits(logits)
    check_label(label, logits)
    batch, classes = logits.shape[:2]
    if class_set.dtype != torch.bool or class_set.shape != (batch, classes):
        raise ValueError(
            f'class_set must be bool of shape {(batch, classes)} for these logits, '
            f'got {class_set.dtype} of shape {tuple(class_set.shape)}'
        )
    x = full_precision(logits).flatten(2)
    counted = (label != ignore_index).flatten(1)[:, None]
    log_q = x.log_softmax(1)
    best = log_q.detach().masked_fill(~counted, -torch.inf).argmax(2)
    # Logits of all classes at the best pixel of each class: (N, C best, C).
    at_best = log_q.gather(2, best[:, None].expand(-1, classes, -1)).transpose(1, 2)
    own = torch.eye(classes, dtype=torch.bool, device=x.device)
    log_own = at_best.diagonal(dim1=1, dim2=2)
    log_others = at_best.masked_fill(own, torch.finfo(x.dtype).min).logsumexp(2)
    kinds = ((class_set, log_own), (~class_set, log_others))
    means = [(here * y).sum(1) / here.sum(1).clamp(min=1) for here, y in kinds]
    return -(means[0] + means[1]) * counted.any(2)[:, 0]
