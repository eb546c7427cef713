"""Losses over all pairs of pixels, weighted by the affinity of their embeddings."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .checks import Variant, check_variant
from .collectives import mean_over_processes
from .compiling import untraced
from .pair_sums import Function, pair_sum

__all__ = [
    'draw_rotations',
    'negative_pair_loss',
    'positive_pair_loss',
    'unit_embeddings',
]


def positive_pair_loss(
    first: Tensor,
    second: Tensor,
    first_embeddings: Tensor,
    second_embeddings: Tensor,
    threshold: float = 0.2,
    function: Function = 'exp',
    weighted: bool = True,
) -> Tensor:
    r"""Compute the loss of positive pairs: close embeddings, one cluster (IDDC, eq. 1).

    .. math::
        L^+ = \frac{1}{N^+} \sum_{i,j} w^+(u_i \cdot u_j) h^+(v_i \cdot v_j)

    over all pairs of a pixel i of the first and a pixel j of the second crop of an
    image, whatever their places; :math:`w^+(a) = a` for a > ``threshold``, otherwise
    0, and :math:`N^+` is the number of the former pairs.

    Args:
        first: Cluster probabilities v of the first crops, ``(N, K, ...)``.
        second: Those of the second crops, in the same order of images.
        first_embeddings: Unit vectors u ``(N, D, ...)``; no gradient goes there.
        second_embeddings: Those of the second crops.
        threshold: :math:`t^+`, a cosine. Defaults to 0.2.
        function: h, see :func:`pair_sum`. Defaults to 'exp'.
        weighted: False weighs the selected pairs by 1. Defaults to True.

    Returns:
        Scalar, float32 (float64 for float64), 0 if there is no pair.

    Raises:
        ValueError: ``function`` is unknown.

    Example:
        >>> v, u = torch.tensor([[[0.5], [0.5]]]), torch.ones(1, 1, 1)
        >>> positive_pair_loss(v, v, u, u, function='linear')
        tensor(0.5000)
    """
    total, count = pair_sum(
        first,
        second,
        first_embeddings,
        second_embeddings,
        threshold,
        True,
        function,
        weighted,
    )
    return total / count.clamp(min=1)


@untraced  # else it is compiled for each value of the rotations
def negative_pair_loss(
    first: Tensor,
    second: Tensor,
    first_embeddings: Tensor,
    second_embeddings: Tensor,
    rotations: Sequence[int],
    threshold: float = 0.12,
    function: Function = 'exp',
    weighted: bool = True,
    variant: Variant = 'paper',
) -> Tensor:
    r"""Compute the loss of negative pairs: distant embeddings (IDDC, eq. 2).

    .. math::
        L^- = \frac{1}{N^-} \sum_{i,j} w^-(u_i \cdot u_j) h^-(v_i \cdot v_j)

    Pixel i is in the crop ``first`` of image n, j in the crop ``second`` of image n + r
    of the batch, for each rotation r; :math:`w^-(a) = 1 - a` for a < ``threshold``.
    They are pushed into different clusters. Both crops may be the same tensor, as in
    the authors' code.

    ``variant='official'`` is the authors' code: the weight is at most 1,
    :math:`1 - \max(a, 0)`, and the result is the mean over the rotations, each with an
    :math:`N^-` of its own.

    Args:
        first: As for :func:`positive_pair_loss`.
        second: As there.
        first_embeddings: As there.
        second_embeddings: As there.
        rotations: Places to rotate the batch by, see :func:`draw_rotations`.
        threshold: :math:`t^-`, a cosine. Defaults to 0.12.
        function: h, see :func:`pair_sum`. Defaults to 'exp'.
        weighted: False weighs the selected pairs by 1. Defaults to True.
        variant: 'paper' or 'official'. Defaults to 'paper'.

    Returns:
        Scalar, float32 (float64 for float64), 0 if there is no pair.

    Raises:
        ValueError: ``function`` or ``variant`` is unknown.

    Example:
        >>> v = torch.tensor([[[0.5], [0.5]], [[1.0], [0.0]]])
        >>> u = torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]])
        >>> negative_pair_loss(v, v, u, u, [1], function='linear')
        tensor(0.5000)
    """
    check_variant(variant)
    official = variant == 'official'
    sums = [
        pair_sum(
            first,
            second,
            first_embeddings,
            second_embeddings,
            threshold,
            False,
            function,
            weighted,
            at_most_one=official,
            rotation=rotation,
        )
        for rotation in rotations
    ]
    totals, counts = (torch.stack(parts) for parts in zip(*sums, strict=True))
    if official:
        return (totals / counts.clamp(min=1)).mean()
    return totals.sum() / counts.sum().clamp(min=1)


@torch.no_grad()
def unit_embeddings(
    embeddings: Sequence[Tensor], centered: bool = False
) -> list[Tensor]:
    """Compute the directions of embeddings, whose products are affinities.

    Args:
        embeddings: Floating point ``(N, D, ...)`` each, of any length.
        centered: Subtract the mean embedding of all of them first, over all processes,
            which all must call this then, with equally many pixels. Features of
            supervised networks have a large part in common, so that nearly all cosines
            are positive.

    Returns:
        float32 of the shapes of ``embeddings``, without gradient; length 1 over D.

    Example:
        >>> unit_embeddings([torch.tensor([[3.0, 4.0]])])
        [tensor([[0.6000, 0.8000]])]
    """
    units = [e.detach().float() for e in embeddings]
    if centered:
        # Of equally many pixels each, so the mean of the means.
        means = [u.transpose(0, 1).flatten(1).mean(1) for u in units]
        mean = mean_over_processes(torch.stack(means).mean(0))
        units = [u - mean.view(-1, *[1] * (u.ndim - 2)) for u in units]
    return [normalize(u, dim=1) for u in units]


def draw_rotations(
    num_images: int,
    number: int,
    generator: torch.Generator | None = None,
    variant: Variant = 'paper',
) -> list[int]:
    """Draw rotations of a batch, none of which leaves an image in place.

    Args:
        num_images: Images in the batch of this process.
        number: Rotations, that is other images for each image.
        generator: Of torch, on the CPU; by default the global one.
        variant: 'paper': different ones. 'official', as in the authors' code: each by
            itself, so that some may be equal, and never the last one.

    Returns:
        ``number`` integers of 1 to ``num_images - 1``, 'official' to one less.

    Raises:
        ValueError: The batch is too small.

    Example:
        >>> sorted(draw_rotations(num_images=4, number=3))
        [1, 2, 3]
    """
    check_rotations(num_images, number, variant)
    if variant == 'official':
        drawn = torch.randint(num_images - 2, (number,), generator=generator)
    else:
        drawn = torch.randperm(num_images - 1, generator=generator)[:number]
    return (1 + drawn).tolist()


def check_rotations(num_images: int, number: int, variant: Variant = 'paper') -> None:
    """Raise a ValueError if a batch is too small for :func:`draw_rotations`."""
    check_variant(variant)
    least = 3 if variant == 'official' else number + 1
    if num_images < least:
        raise ValueError(
            f'{number} negatives for each image need a batch of {least} images or '
            f'more on each process, but this one has {num_images}: raise the batch '
            'size, set drop_last=True, or lower num_negatives'
        )
