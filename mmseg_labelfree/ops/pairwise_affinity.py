"""Losses over all pairs of pixels, weighted by the affinity of their embeddings."""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize

from .checks import Variant, check_variant
from .collectives import mean_over_processes
from .compiling import untraced

__all__ = [
    'draw_rotations',
    'negative_pair_loss',
    'pair_sum',
    'positive_pair_loss',
    'unit_embeddings',
]

# Bytes of one matrix of pairs; a few of them are in memory at a time.
CPU_BLOCK, GPU_BLOCK = 2**20, 2**27
_LEAST = 1e-6  # least argument of the logarithm

Function = Literal['exp', 'linear', 'log']


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


def pair_sum(
    first: Tensor,
    second: Tensor,
    first_embeddings: Tensor,
    second_embeddings: Tensor,
    threshold: float,
    positive: bool,
    function: Function = 'exp',
    weighted: bool = True,
    at_most_one: bool = False,
    rotation: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Sum :math:`w(u_i \cdot u_j) h(v_i \cdot v_j)` over pairs of pixels.

    The functions h (IDDC, eq. 3-5), with p = v_i . v_j, the probability that both
    pixels are in one cluster: 'log' is -log p for positive and -log(1 - p) for
    negative pairs, 'linear' 1 - p and p, 'exp' exp(1 - p) and exp(p). The argument of
    the logarithm is at least 1e-6; beyond that there is no gradient.

    The derivatives are computed along with the sum, block by block of pairs, so that
    memory grows with the number of pixels and not with its square. Second derivatives
    are not available. Everything is float32, also under autocast, or float64.

    Args:
        first: Probabilities ``(N, K, ...)``.
        second: ``(N, K, ...)``; its number of pixels may differ.
        first_embeddings: Unit vectors ``(N, D, ...)``.
        second_embeddings: ``(N, D, ...)``.
        threshold: Positive pairs have an affinity above, negative ones below it.
        positive: Whether the pairs are positive.
        function: 'exp', 'linear' or 'log'.
        weighted: Weigh by w instead of by 1.
        at_most_one: Use at most 1 for w of negative pairs (the authors' code).
        rotation: Image n of ``first`` goes with image n + rotation of ``second``.

    Returns:
        The sum, and the number of selected pairs (no gradient), both scalars.

    Raises:
        ValueError: ``function`` is unknown.

    Example:
        >>> v, u = torch.tensor([[[0.5], [0.5]]]), torch.ones(1, 1, 1)
        >>> pair_sum(v, v, u, u, threshold=0.2, positive=True, function='linear')
        (tensor(0.5000), tensor(1))
    """
    if function not in ('exp', 'linear', 'log'):
        raise ValueError(f"function must be 'exp', 'linear' or 'log', not {function!r}")
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    tensors = [
        t.flatten(2).to(dtype)
        for t in (first, second, first_embeddings.detach(), second_embeddings.detach())
    ]
    rule = _Rule(threshold, positive, function, weighted, at_most_one)
    return _PairSum.apply(*tensors, rule, rotation)


class _Rule:
    """Weight and loss of pairs, and the derivative of their product."""

    def __init__(self, threshold, positive, function, weighted, at_most_one):
        self.threshold = threshold
        self.positive = positive
        self.function = function
        self.weighted = weighted
        self.at_most_one = at_most_one

    def weigh(self, affinity: Tensor) -> tuple[Tensor, Tensor]:
        """Weights, in the place of ``affinity``, and the number of pairs."""
        if self.positive:
            selected = affinity > self.threshold
        else:
            selected = affinity < self.threshold
        count = torch.count_nonzero(selected)
        if not self.weighted:
            return affinity.copy_(selected), count
        if not self.positive:
            if self.at_most_one:
                affinity.clamp_(min=0)
            affinity.neg_().add_(1)
        return affinity.mul_(selected), count

    def lose(self, same: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sum of h and its derivative by p, in the place of ``weight``.

        Args:
            same: p of each pair; is overwritten.
            weight: As :meth:`weigh` returns it.
        """
        right = same if self.positive else same.neg_().add_(1)
        if self.function == 'exp':
            slope = weight.mul_(right.neg_().add_(1).exp_())
            total = slope.sum()
        elif self.function == 'linear':
            total = torch.dot(weight.flatten(), right.neg_().add_(1).flatten())
            slope = weight
        else:
            inside = right >= _LEAST
            right.clamp_(min=_LEAST)
            slope = weight / right * inside
            total = -torch.dot(weight.flatten(), right.log_().flatten())
        return total, slope.neg_() if self.positive else slope


class _PairSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, first, second, first_units, second_units, rule, rotation):
        total = first.new_zeros(())
        count = first.new_zeros((), dtype=torch.int64)
        grads = torch.zeros_like(first), torch.zeros_like(second)
        with torch.autocast(first.device.type, enabled=False):
            for images, pixels in _blocks(first, second):
                others = (images + rotation) % len(first)
                v, u = _part(first, images, pixels), _part(first_units, images, pixels)
                v_other, u_other = _part(second, others), _part(second_units, others)
                weight, number = rule.weigh(torch.bmm(u.mT, u_other))
                value, slope = rule.lose(torch.bmm(v.mT, v_other), weight)
                total += value
                count += number
                grads[0][_range(images), :, pixels] = torch.bmm(v_other, slope.mT)
                if len(images) == 1:
                    grads[1][_range(others)].baddbmm_(v, slope)
                else:
                    others = others.to(first.device)
                    grads[1].index_add_(0, others, torch.bmm(v, slope))
        ctx.save_for_backward(*grads)
        ctx.mark_non_differentiable(count)
        return total, count

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_total, _):
        first, second = ctx.saved_tensors
        return grad_total * first, grad_total * second, None, None, None, None


def _blocks(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """Images (indices in a row) and pixels of ``first`` of each block of pairs."""
    size = CPU_BLOCK if first.device.type == 'cpu' else GPU_BLOCK
    size //= first.element_size()
    num, pixels, others = len(first), first.shape[2], second.shape[2]
    images = max(1, size // (pixels * others))
    step = pixels if pixels * others <= size else max(1, size // others)
    for indices in torch.arange(num).split(images):
        for start in range(0, pixels, step):
            yield indices, slice(start, min(start + step, pixels))


def _range(images: Tensor) -> slice:
    return slice(int(images[0]), int(images[-1]) + 1)


def _part(values: Tensor, images: Tensor, pixels: slice = slice(None)) -> Tensor:
    """These pixels of these images; a copy only where the images wrap around."""
    if images[-1] - images[0] == len(images) - 1:
        return values[_range(images), :, pixels]
    return values[images.to(values.device), :, pixels]
