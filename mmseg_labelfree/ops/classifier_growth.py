"""Growing a pixel classifier from old to old + new classes."""

import math

from torch import Tensor


def grow_classifier(
    weight: Tensor, bias: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    r"""Spread the background's probability over the new classes (MiB, eq. 10-11).

    With :math:`C_t` the new classes and the background b,

    .. math::
        \omega^t_c = \omega^{t-1}_b, \quad
        \beta^t_c = \beta^{t-1}_b - \log |C_t| \quad \forall c \in C_t

    and all other rows unchanged, so that for every pixel
    :math:`q_t(c) = q_{t-1}(b) / |C_t|` for each c in :math:`C_t`, the background
    included, and the old classes keep their probabilities. That last part needs the
    background's own bias lowered too: with it unchanged the class
    probabilities would sum to more than before.

    Args:
        weight: Old classifier (C_old, ...), row 0 = background.
        bias: Old biases (C_old,).
        num_classes: Number of classes of the grown classifier, >= C_old.

    Returns:
        Weight (num_classes, ...) and bias (num_classes,) of the grown classifier, in
        the dtype and on the device of the old one.

    Raises:
        ValueError: ``num_classes`` is smaller than the old classifier.

    Example:
        >>> import torch
        >>> w, b = grow_classifier(torch.ones(2, 3, 1, 1), torch.zeros(2), 4)
        >>> w.shape, [round(x, 3) for x in b.tolist()]
        (torch.Size([4, 3, 1, 1]), [-1.099, 0.0, -1.099, -1.099])
    """
    num_added = num_classes - weight.shape[0]
    if num_added < 0:
        raise ValueError(
            f'a classifier of {weight.shape[0]} classes cannot shrink to {num_classes}'
        )
    background_bias = bias[:1] - math.log(num_added + 1)
    added = [1] * (weight.dim() - 1)
    grown_weight = weight.new_empty((num_classes, *weight.shape[1:]))
    grown_weight[: weight.shape[0]] = weight
    grown_weight[weight.shape[0] :] = weight[:1].repeat(num_added, *added)
    grown_bias = bias.new_empty(num_classes)
    grown_bias[: weight.shape[0]] = bias
    grown_bias[0] = background_bias
    grown_bias[weight.shape[0] :] = background_bias
    return grown_weight, grown_bias
