r"""Which pixels are compared in the contrast of U2PL+ from image-level labels.

U2PL+, section 3.5.2, https://arxiv.org/abs/2306.02314. :math:`M^c` is the activation
map of class c, in 0 to 1, and :math:`y^c` whether the image has the class. All maps
have the size of the embeddings.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from .contrast_pairs import sample_per_class

__all__ = [
    'activation_anchors',
    'activation_negatives',
    'keep_random',
    'sample_members',
    'with_background',
]


def activation_anchors(
    activations: Tensor, image_labels: Tensor, threshold: float = 0.45
) -> Tensor:
    r"""Find the pixels that may be anchors of each class (U2PL+, eq. 29).

    Those with :math:`M^c > \beta`, in images that have the class. A pixel may be an
    anchor of several classes.

    Args:
        activations: ``(N, C, h, w)``, 0 to 1.
        image_labels: Bool ``(N, C)``, the classes of each image.
        threshold: :math:`\beta`. Defaults to 0.45.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        >>> maps = torch.tensor([0.2, 0.9]).view(1, 1, 1, 2).expand(1, 2, 1, 2)
        >>> activation_anchors(maps, torch.tensor([[True, False]])).flatten().tolist()
        [False, True, False, False]
    """
    return (activations > threshold) & image_labels[:, :, None, None]


def activation_negatives(
    activations: Tensor,
    image_labels: Tensor,
    threshold: float = 0.45,
    kinds: Collection[str] = ('absent', 'unreliable'),
) -> Tensor:
    r"""Find the classes that each pixel is a negative of (U2PL+, eq. 31).

    .. math:: n_{ij}(c) = [y_i^c = 0] \text{ or } [M_{ij}^c < \beta]

    Args:
        activations: ``(N, C, h, w)``, 0 to 1, also of the classes that an image lacks:
            with their maps at 0 the second condition would hold wherever the first
            does.
        image_labels: Bool ``(N, C)``, the classes of each image.
        threshold: :math:`\beta`. Defaults to 0.45.
        kinds: The conditions that count (U2PL+, Table 14): 'absent' for the first,
            'unreliable' for the second.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        >>> maps = torch.tensor([0.2, 0.9]).view(1, 1, 1, 2).expand(1, 2, 1, 2)
        >>> present = torch.tensor([[True, False]])
        >>> activation_negatives(maps, present).flatten().tolist()
        [True, False, True, True]
        >>> activation_negatives(maps, present, kinds=['absent']).flatten().tolist()
        [False, False, True, True]
    """
    negatives = torch.zeros_like(activations, dtype=torch.bool)
    if 'absent' in kinds:
        negatives |= ~image_labels[:, :, None, None]
    if 'unreliable' in kinds:
        negatives |= activations < threshold
    return negatives


def with_background(activations: Tensor, image_labels: Tensor) -> tuple[Tensor, Tensor]:
    r"""Put a map of the background before those of the classes.

    The papers have none. Here it is :math:`M^0 = 1 - \max_c M^c` over the classes that
    the image has, and every image has background.

    Args:
        activations: ``(N, K, h, w)``, 0 to 1.
        image_labels: Bool ``(N, K)``.

    Returns:
        Activations ``(N, 1 + K, h, w)`` and labels ``(N, 1 + K)``.

    Example:
        >>> maps = torch.tensor([0.25, 1.0]).view(1, 2, 1, 1)
        >>> with_background(maps, torch.tensor([[True, False]]))[0].flatten()
        tensor([0.7500, 0.2500, 1.0000])
    """
    present = activations * image_labels[:, :, None, None]
    background = 1 - present.amax(1, keepdim=True)
    every = torch.ones_like(image_labels[:, :1])
    return (
        torch.cat([background, activations], 1),
        torch.cat([every, image_labels], 1),
    )


def keep_random(
    member: Tensor, num: int, generator: torch.Generator | None = None
) -> Tensor:
    """Keep at most ``num`` marked pixels of each map, drawn without replacement.

    Nearly every pixel of an image without a class is a negative of it, so one batch
    would replace whole queues.

    Args:
        member: Bool ``(N, C, h, w)``.
        num: At least 1.
        generator: Generator on their device. Defaults to the global one.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        >>> keep_random(torch.ones(1, 3, 4, 4, dtype=torch.bool), 5).sum((2, 3))
        tensor([[5, 5, 5]])
    """
    flat = member.flatten(2)
    if num >= flat.shape[2]:
        return member
    draw = torch.rand(flat.shape, device=flat.device, generator=generator)
    chosen = draw.masked_fill_(~flat, -1).topk(num, 2, sorted=False).indices
    kept = torch.zeros_like(flat).scatter_(2, chosen, True)
    return (kept & flat).view_as(member)


def sample_members(
    member: Tensor, num: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw marked pixels of each class, uniformly and with replacement.

    Args:
        member: Bool ``(N, C, h, w)``; a pixel may belong to several classes.
        num: Pixels of each class.
        generator: Generator on their device. Defaults to the global one.

    Returns:
        int64 ``(C, num)``, indices into the N h w pixels, arbitrary where the class has
        none, and the numbers of marked pixels ``(C,)``.

    Example:
        >>> member = torch.tensor([[[False, False]], [[False, True]]])[:, :, None]
        >>> sample_members(member, num=2)  # the last pixel of the second image
        (tensor([[3, 3]]), tensor([1]))
    """
    rows = member.transpose(0, 1).flatten(1)
    every = torch.arange(len(rows), device=rows.device)[:, None]
    classes = every.where(rows, -1).flatten()
    index, counts = sample_per_class(classes, len(rows), num, generator)
    return index % rows.shape[1], counts
