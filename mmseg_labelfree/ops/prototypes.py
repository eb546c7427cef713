r"""Centers of the classes in the space of the embeddings, and what they tell of labels.

U2PL+ (https://arxiv.org/abs/2306.02314), section 3.4.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .collectives import sum_over_processes
from .feature_bank import finite_rows

__all__ = [
    'class_means',
    'denoised_logits',
    'prototype_log_weights',
    'update_prototypes_',
]


@torch.no_grad()
def class_means(
    features: Tensor, labels: Tensor, num_classes: int, all_processes: bool = True
) -> tuple[Tensor, Tensor]:
    """Compute the mean embedding of each class (U2PL+, eq. 15-17).

    Pixels whose embedding is not finite are in no mean.

    Everything is float32, since not every device has float64: images and processes,
    whose sums are added up, are so few that the rounding stays that of the sums of
    an image's pixels, which matrix products compute in parts. Pixels are counted as
    integers.

    Args:
        features: Embeddings ``(N, D, h, w)``, any precision.
        labels: int64 ``(N, h, w)``: ground truth, or reliable pseudo-labels; pixels
            with a label that is no class (255) are in no mean. Or bool
            ``(N, C, h, w)``, whether a pixel is in the mean of each class.
        num_classes: C.
        all_processes: Means over the pixels of all processes, which all must call
            this then.

    Returns:
        Means ``(C, D)``, float32 (float64 for float64), 0 for classes without a pixel,
        and the numbers of pixels ``(C,)``, int64.

    Example:
        >>> features = torch.tensor([1.0, 3.0, 9.0]).view(1, 1, 1, 3)
        >>> class_means(features, torch.tensor([[[0, 0, 255]]]), num_classes=2)
        (tensor([[2.],
                [0.]]), tensor([2, 0]))
    """
    dtype = torch.float64 if features.dtype == torch.float64 else torch.float32
    if labels.dtype == torch.bool:
        member = labels.flatten(2)
    else:
        classes = torch.arange(num_classes, device=labels.device)[:, None]
        member = labels.flatten(1)[:, None] == classes
    with torch.autocast(features.device.type, enabled=False):
        rows = features.detach().flatten(2).transpose(1, 2).to(dtype)
        finite = finite_rows(rows)
        member = member & finite[:, None]
        counts = member.sum((0, 2))
        rows = rows.where(finite[..., None], 0)
        sums = (member.to(dtype) @ rows).sum(0)
    if all_processes:
        sum_over_processes(sums)
        sum_over_processes(counts)
    return sums / counts.clamp(min=1)[:, None], counts


@torch.no_grad()
def update_prototypes_(
    prototypes: Tensor,
    known: Tensor,
    means: Tensor,
    counts: Tensor,
    momentum: float = 0.999,
) -> None:
    r"""Move the prototypes to the means of a batch, in place (U2PL+, eq. 18).

    The first mean of a class becomes its prototype as it is; later ones have the share
    ``1 - momentum``. Classes without a pixel stay as they are.

    Args:
        prototypes: ``(C, D)``.
        known: Bool ``(C,)``, which of them have been set.
        means: ``(C, D)`` of this batch.
        counts: Its pixels of each class ``(C,)``.
        momentum: :math:`m^{proto}`; 0 for the centers of the last batch.

    Example:
        >>> prototypes = torch.tensor([[1.0], [0.0]])
        >>> known = torch.tensor([True, False])
        >>> means, counts = torch.tensor([[2.0], [7.0]]), torch.tensor([5, 5])
        >>> update_prototypes_(prototypes, known, means, counts, momentum=0.9)
        >>> prototypes.flatten()
        tensor([1.1000, 7.0000])
    """
    share = torch.where(known, 1 - momentum, 1.0) * (counts > 0)
    prototypes.lerp_(means.to(prototypes.dtype), share[:, None].to(prototypes.dtype))
    known |= counts > 0


@torch.no_grad()
def prototype_log_weights(
    features: Tensor,
    prototypes: Tensor,
    known: Tensor | None = None,
    unit: bool = False,
) -> Tensor:
    r"""Compute the logarithm of the weights of denoising (U2PL+, eq. 19).

    .. math:: w(c) = \mathrm{softmax}_c(-\|z - z_c^{proto}\|)

    The paper's symbols leave open whether z is an image or a pixel (the weight has
    the index of an image alone, the prototypes are means of pixels); the method that it
    follows, ProDA (https://arxiv.org/abs/2101.10979), weighs pixels. Pixels are what
    dense embeddings give; ``features.mean((2, 3), keepdim=True)`` gives images.

    Args:
        features: Embeddings ``(N, D, h, w)`` of the teacher, any precision.
        prototypes: ``(C, D)``, in the same space.
        known: Bool ``(C,)``. A class without a prototype is taken to be as near as the
            nearest one that has one, so that nothing speaks against it.
        unit: Whether the distances are those of unit vectors, at most 2, instead of the
            embeddings as they are. The paper does not say.

    Returns:
        float32 ``(N, C, h, w)`` (float64 for float64); ``exp`` of it sums to 1. 0, so
        that nothing changes, at pixels whose embedding is not finite.

    Example:
        >>> prototypes = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
        >>> weights = prototype_log_weights(torch.zeros(1, 2, 1, 1), prototypes)
        >>> (weights[0, 0] - weights[0, 1]).item()  # the second is farther away by 5
        5.0
    """
    dtype = torch.float64 if features.dtype == torch.float64 else torch.float32
    with torch.autocast(features.device.type, enabled=False):
        rows = features.detach().flatten(2).to(dtype)
        centers = prototypes.to(dtype)
        if unit:
            rows, centers = F.normalize(rows, dim=1), F.normalize(centers, dim=1)
        distance = torch.matmul(centers, rows).mul_(-2)
        distance += rows.square().sum(1, keepdim=True)
        distance += centers.square().sum(1, keepdim=True)
        distance.clamp_(min=0).sqrt_()
    if known is not None:
        has = known[:, None]
        nearest = distance.masked_fill(~has, torch.inf).amin(1, keepdim=True)
        nearest = nearest.masked_fill(nearest.isinf(), 0)
        distance = torch.where(has, distance, nearest)
    weights = distance.neg_().log_softmax(1)
    weights.masked_fill_(weights.isnan(), 0)
    return weights.unflatten(2, features.shape[2:])


@torch.no_grad()
def denoised_logits(
    logits: Tensor, log_weights: Tensor, align_corners: bool = False
) -> Tensor:
    r"""Compute the logits of the denoised prediction (U2PL+, eq. 20).

    Their softmax is :math:`w \odot p`, made to sum to 1, and their largest is the
    denoised pseudo-label :math:`\tilde y`.

    Args:
        logits: ``(N, C, H, W)`` of the teacher.
        log_weights: ``(N, C, h, w)`` of :func:`prototype_log_weights`; bilinearly
            resized if of another size.
        align_corners: As in the decode head.

    Returns:
        float32 ``(N, C, H, W)`` (float64 for float64).

    Example:
        >>> logits = torch.tensor([0.8, 0.2]).log().view(1, 2, 1, 1)
        >>> log_weights = torch.tensor([0.2, 0.8]).log().view(1, 2, 1, 1)
        >>> denoised_logits(logits, log_weights).softmax(1).flatten()
        tensor([0.5000, 0.5000])
    """
    if log_weights.shape[2:] != logits.shape[2:]:
        log_weights = F.interpolate(
            log_weights,
            logits.shape[2:],
            mode='bilinear',
            align_corners=align_corners,
        )
    return logits.detach() + log_weights
