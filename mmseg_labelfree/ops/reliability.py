r"""Which pseudo-labels to trust: the entropy partition of U2PL+.

U2PL+ (https://arxiv.org/abs/2306.02314, section 3.3; U2PL,
https://arxiv.org/abs/2203.03884). The entropy itself is
:func:`~mmseg_labelfree.ops.entropy.softmax_entropy` (U2PL+, eq. 11).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .checks import Variant, check_variant
from .collectives import sum_over_processes
from .quantile import masked_quantile

__all__ = [
    'EntropySplit',
    'logit_pixels',
    'nearest_pixels',
    'reliable_pixel_weight',
    'split_by_entropy',
    'unreliable_share',
]


class EntropySplit(NamedTuple):
    r"""The pixels of unlabeled images by how sure the teacher is of them.

    Attributes:
        reliable: Bool ``(N, H, W)``, pixels with a pseudo-label (U2PL+, eq. 12).
        anchors: Bool ``(N, H, W)``, pixels that may be anchors of the contrast.
        unreliable: Bool ``(N, H, W)``, pixels that may be negatives (U2PL+, eq. 27).
        threshold: Scalar :math:`\gamma_t` in nats.
        surest: Bool ``(N, H, W)``, the pixels of lowest entropy, where asked for.
    """

    reliable: Tensor
    anchors: Tensor
    unreliable: Tensor
    threshold: Tensor
    surest: Tensor | None = None


def unreliable_share(step: float, total: float, initial: float = 0.2) -> float:
    r"""Compute the share :math:`\alpha_0 (1 - t / T)` of unreliable pixels.

    Dynamic partition (U2PL+, eq. 13).

    Args:
        step: t, epochs done (whole ones in the paper) or iterations.
        total: T, all of them, in the same unit.
        initial: :math:`\alpha_0`, share of unreliable pixels at the start, 0 to 1.

    Returns:
        The share at t; 0 from T on.

    Raises:
        ValueError: An argument is out of range.

    Example:
        >>> unreliable_share(step=20, total=80, initial=0.2)
        0.15000000000000002
    """
    if not 0 <= initial <= 1:
        raise ValueError(f'the initial unreliable share must be in 0 to 1: {initial}')
    if step < 0 or total <= 0:
        raise ValueError(f'step {step} of {total} is no progress of a training run')
    return initial * max(0.0, 1 - step / total)


@torch.no_grad()
def split_by_entropy(
    entropy: Tensor,
    share: float,
    valid: Tensor | None = None,
    variant: Variant = 'paper',
    all_processes: bool = True,
) -> EntropySplit:
    r"""Split pixels at a percentile of their entropy (U2PL+, eq. 12).

    :math:`\gamma_t` is the ``1 - share`` quantile. Below it a pixel is reliable, above
    it unreliable. At it, it is neither (U2PL+, eq. 12 and 27): where many pixels
    share one entropy, this may be many.

    With ``variant='official'`` the contrast has its own, symmetric tails, as in the
    authors' code: anchors are the ``share`` of lowest entropy, negatives that of
    highest, both with their end; reliable pixels are those of the paper.

    Args:
        entropy: Floating point ``(N, H, W)`` of the unlabeled images; N may be 0.
        share: :math:`\alpha_t`, see :func:`unreliable_share`.
        valid: Bool ``(N, H, W)``, False where there is no image. Such pixels count
            for nothing and are in no set.
        variant: 'paper' or 'official'.
        all_processes: Take the percentile over the batch of all processes, which all
            must call this then. The authors' code takes each process's own.

    Raises:
        ValueError: ``variant`` or ``share`` is out of range.

    Example:
        >>> entropy = torch.tensor([[[0.1, 0.2, 0.3, 0.4, 0.9]]])
        >>> found = split_by_entropy(entropy, share=0.25)
        >>> found.threshold, found.reliable.sum(), found.unreliable.sum()
        (tensor(0.4000), tensor(3), tensor(1))
    """
    check_variant(variant)
    entropy = entropy.detach().float()
    shares = [1 - share] if variant == 'paper' else [1 - share, share]
    limits = masked_quantile(entropy, shares, valid, all_processes)
    reliable = entropy < limits[0]
    if variant == 'paper':
        anchors, unreliable = reliable, entropy > limits[0]
    else:
        anchors, unreliable = entropy <= limits[1], entropy >= limits[0]
    if valid is not None:
        reliable, anchors, unreliable = (
            pixels & valid for pixels in (reliable, anchors, unreliable)
        )
    return EntropySplit(reliable, anchors, unreliable, threshold=limits[0])


@torch.no_grad()
def reliable_pixel_weight(
    labels: Tensor,
    base: float = 1.0,
    ignore_index: int = 255,
    all_processes: bool = True,
) -> Tensor:
    r"""Compute the adaptive weight of the unlabeled loss (U2PL+, eq. 14).

    The base weight times all pixels over those with a pseudo-label. Multiplied with a
    loss that averages over all pixels, this is ``base`` times the mean over the
    labeled ones; do not use it with ``avg_non_ignore=True``, which does the same.

    Args:
        labels: Pseudo-labels ``(N, H, W)`` with ``ignore_index`` where unreliable.
        base: :math:`\eta` in the paper.
        ignore_index: Label of the pixels left out.
        all_processes: Count over all processes, so that the mean over processes of
            their losses is the loss of one process with all of their images. The
            authors' code counts each process's own.

    Returns:
        float32 scalar, on the device of the labels. Finite without any label.

    Example:
        >>> reliable_pixel_weight(torch.tensor([[[0, 255, 2, 255]]]))
        tensor(2.)
    """
    total = torch.full((), labels.numel(), device=labels.device)
    counts = torch.stack([total, (labels != ignore_index).sum()])
    if all_processes:
        sum_over_processes(counts)
    total, used = counts.float()
    return base * total / used.clamp(min=1)


def logit_pixels(values: Tensor, size: Sequence[int]) -> Tensor:
    """Shrink a map to the size of logits: each logit gets the pixel in its middle.

    A network of strided convolutions lays logit ``i`` of ``h`` on pixel
    ``i (H - 1) / (h - 1)``, the corners on each other (exactly for sizes of
    ``stride k + 1``, such as 321). :func:`nearest_pixels` takes pixel ``i H / h``, up
    to a stride less one away.

    Args:
        values: ``(..., H, W)`` of any dtype.
        size: (height, width) of the logits.

    Returns:
        ``(..., *size)``.

    Example:
        >>> logit_pixels(torch.arange(17)[None], (1, 3))
        tensor([[ 0,  8, 16]])
    """
    rows, columns = (
        _logit_places(large, torch.arange(small, device=values.device))
        for large, small in zip(values.shape[-2:], size, strict=True)
    )
    return values[..., rows[:, None], columns]


def _logit_places(large: int, logits: Tensor) -> Tensor:
    """Pixel of ``large`` that each of the logits lies on, halves rounded up."""
    gaps = max(len(logits) - 1, 1)
    return (2 * logits * (large - 1) + gaps) // (2 * gaps)


def nearest_pixels(values: Tensor, size: Sequence[int]) -> Tensor:
    """Shrink a map to another size, each pixel by the nearest one.

    As ``interpolate(mode='nearest')``, for labels and masks of any dtype.

    Args:
        values: ``(..., H, W)``.
        size: (height, width) of the result.

    Example:
        >>> nearest_pixels(torch.tensor([[0, 1, 2, 3]]), (1, 2))
        tensor([[0, 2]])
    """
    height, width = values.shape[-2:]
    rows = torch.arange(size[0], device=values.device) * height // size[0]
    columns = torch.arange(size[1], device=values.device) * width // size[1]
    return values[..., rows[:, None], columns]
