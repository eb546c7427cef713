"""Weight fusion of two steps of class-incremental learning."""

import math
from collections.abc import Mapping

from torch import Tensor


def new_share(num_old: int, num_new: int) -> float:
    r"""Share of the new weights in a fusion (EWF).

    .. math:: w = \sqrt{\frac{|C_t|}{|C_t| + |C_{1:t-1}|}}

    Args:
        num_old: Classes before the step, the background among them.
        num_new: Classes that the step adds.

    Returns:
        A number between 0 and 1.

    Example:
        >>> round(new_share(16, 1), 4)
        0.2425
    """
    return math.sqrt(num_new / (num_new + num_old))


def fuse_weights(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    r"""Fuse the weights before and after a step (EWF, Endpoints Weight Fusion).

    .. math:: \theta = (1 - w) \, \theta_{t-1} + w \, \theta_t

    for every value that the old model has: running statistics of batch norm and the
    old rows of a classifier, too. Rows that a step has added stay as they are, and so
    do integers, which count.

    Args:
        old: ``state_dict`` before the step.
        new: ``state_dict`` after it, with the same keys; a tensor may have more rows.
        share: w, between 0 and 1, see :func:`new_share`.

    Returns:
        The fused ``state_dict``, in the dtype and on the device of the new one.

    Raises:
        ValueError: A tensor is missing on one side or does not hold the old one.

    Example:
        >>> import torch
        >>> old, new = dict(w=torch.zeros(1, 2)), dict(w=torch.ones(2, 2))
        >>> fuse_weights(old, new, 0.25)['w']
        tensor([[0.2500, 0.2500],
                [1.0000, 1.0000]])
    """
    if apart := sorted(set(old) ^ set(new)):
        raise ValueError(f'only one of the two models has {", ".join(apart[:5])}')
    fused = {}
    for key, after in new.items():
        before = old[key].to(after.device)
        if before.shape[1:] != after.shape[1:] or before.numel() > after.numel():
            raise ValueError(
                f'{key} of shape {tuple(after.shape)} does not hold the old one of '
                f'shape {tuple(before.shape)}'
            )
        fused[key] = after.clone()
        if not after.is_floating_point():
            continue
        rows = fused[key] if after.dim() == 0 else fused[key][: len(before)]
        rows.lerp_(before.to(after.dtype), 1 - share)
    return fused
