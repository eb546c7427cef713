r"""Per-pixel losses and maps of enlarged logits, a strip of rows at a time.

A segmentation loss is computed at the size of the labels, on logits that were enlarged
to it. Written as tensor operations, each line of an equation then makes a tensor of
``N x C x H x W``, several of which are kept for the backward pass. Here only a few
enlarged rows exist at a time: the equation runs on them as it stands, autograd takes
its slope while they are in the cache, and what is kept is the gradient by the *small*
logits. Bilinear enlarging is linear and separable, :math:`X = R\,x\,K^T` with a matrix
for rows and one for columns, so that its gradient is :math:`R^T G\,K`; the columns
are enlarged once, the rows strip by strip.

:func:`striped_loss` sums a per-pixel equation, :func:`striped_map` fills label-sized
maps. Both compute in float32 (float64 for float64 logits), whatever autocast says.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .compiling import untraced
from .enlarging import SourceRows, bilinear_weights, source_rows
from .probabilities import full_precision

__all__ = ['striped_loss', 'striped_map']

# Bytes of the enlarged rows of one strip: for each thread of a CPU, so that a few of
# them fit into the cache of its core; on a GPU enough to keep all cores busy.
CPU_STRIP = 2**21
GPU_STRIP = 2**26


@untraced
def striped_loss(
    function: Callable[..., Tensor],
    logits: Sequence[Tensor],
    size: Sequence[int],
    *maps: Tensor,
    align_corners: bool = False,
    factors: Tensor | None = None,
    strip_bytes: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Sum a per-pixel equation over the pixels of enlarged logits.

    Equal to ``function`` on logits enlarged by ``interpolate(..., mode='bilinear')``,
    in value and gradient, at the time and memory of a fraction of it.

    Args:
        function: Called as ``function(*logits, *maps)`` with the rows of a strip. It
            returns a sum over the strip's pixels, ``()``, or K of them, ``(K,)``, and
            must be differentiable by the logits.
        logits: Floating point ``(N, C_i, h_i, w_i)``. Those that require a gradient
            receive one.
        size: Height and width ``(H, W)`` that all logits are enlarged (or shrunk) to.
            Logits of that size are taken as they are.
        *maps: Further inputs ``(N, H, W)`` or ``(N, K, H, W)`` of any dtype; an axis of
            length 1 in place of H or W stays as it is. They receive no gradient.
        align_corners: As for ``interpolate``.
        factors: Factors ``(K,)`` of the K sums. Defaults to 1 for each.
        strip_bytes: Bytes of the enlarged rows of a strip. Defaults to 2 MiB for each
            thread on a CPU, 64 MiB on a GPU. The result does not depend on it but for
            rounding.

    Returns:
        The total ``()`` of all sums, each times its factor, which carries the gradient;
        and these K summands ``(K,)`` without a gradient, to be logged.

    Raises:
        ValueError: The logits are not floating point ``(N, C, h, w)`` of one batch size
            and device, or a map does not cover their pixels.

    Example:
        >>> logits = torch.zeros(1, 4, 2, 2, requires_grad=True)
        >>> label = torch.zeros(1, 8, 8, dtype=torch.long)
        >>> def cross_entropy(x, y):
        ...     return torch.nn.functional.cross_entropy(x, y, reduction='sum')
        >>> total, _ = striped_loss(cross_entropy, [logits], (8, 8), label)
        >>> round((total / 64).exp().item(), 4)
        4.0
    """
    size = _check(logits, size, maps)
    if not len(logits[0]):
        raise ValueError('logits of no image have no loss')
    settings = _Settings(function, size, align_corners, strip_bytes, len(logits))
    if factors is not None:
        factors = factors.detach()
    maps = tuple(values.detach() for values in maps)
    return _StripedLoss.apply(settings, factors, *logits, *maps)


@untraced
@torch.no_grad()
def striped_map(
    function: Callable[..., Tensor | tuple[Tensor, ...]],
    logits: Sequence[Tensor],
    size: Sequence[int],
    *maps: Tensor,
    align_corners: bool = False,
    strip_bytes: int | None = None,
) -> tuple[Tensor, ...]:
    """Make label-sized maps from logits without enlarging these as a whole.

    Args:
        function: Called as ``function(*logits, *maps)`` with the rows of a strip
            ``(n, C, s, W)``. It returns one or several maps ``(n, s, W)`` or
            ``(n, K, s, W)`` of them, such as labels, confidence or entropy.
        logits: As for :func:`striped_loss`.
        size: As for :func:`striped_loss`.
        *maps: As for :func:`striped_loss`.
        align_corners: As for ``interpolate``.
        strip_bytes: As for :func:`striped_loss`.

    Returns:
        The maps ``(N, H, W)`` or ``(N, K, H, W)``, without a gradient.

    Raises:
        ValueError: As for :func:`striped_loss`.

    Example:
        >>> logits = torch.tensor([[[[0.0, 9.0]], [[1.0, 1.0]]]])
        >>> (labels,) = striped_map(lambda x: x.argmax(1), [logits], (1, 4))
        >>> labels
        tensor([[[1, 0, 0, 0]]])
    """
    size = _check(logits, size, maps)
    settings = _Settings(function, size, align_corners, strip_bytes, len(logits))
    with torch.autocast(logits[0].device.type, enabled=False):
        return _maps(settings, logits, maps)


class _Settings(NamedTuple):
    """What a pass over strips is told besides tensors."""

    function: Callable
    size: tuple[int, int]
    align_corners: bool
    strip_bytes: int | None
    num_logits: int


class _Strip(NamedTuple):
    """A few enlarged rows of a few images."""

    images: slice
    rows: slice
    logits: list[Tensor]
    maps: list[Tensor]
    sources: list[SourceRows]


def _strips(
    settings: _Settings, logits: Sequence[Tensor], maps: Sequence[Tensor]
) -> Iterator[_Strip]:
    """Cut logits and maps into strips."""
    height, width = settings.size
    wide = [full_precision(x.detach()) for x in logits]
    align = settings.align_corners
    wide = [
        x
        if x.shape[3] == width
        else x @ bilinear_weights(x, x.shape[3], width, align).T
        for x in wide
    ]
    for images, rows in _places(settings, logits):
        sources = [source_rows(x, rows, height, align) for x in wide]
        yield _Strip(
            images,
            rows,
            [s.enlarge(x[images]) for s, x in zip(sources, wide, strict=True)],
            [m[images, ..., rows if m.shape[-2] > 1 else slice(None), :] for m in maps],
            sources,
        )


def _places(
    settings: _Settings, logits: Sequence[Tensor]
) -> Iterator[tuple[slice, slice]]:
    """Images and rows of each strip: several whole images, or rows of one."""
    height, width = settings.size
    batch, channels = len(logits[0]), max(x.shape[1] for x in logits)
    on_gpu = logits[0].device.type != 'cpu'
    default = GPU_STRIP if on_gpu else CPU_STRIP * torch.get_num_threads()
    strip_bytes = settings.strip_bytes or default
    itemsize = 8 if logits[0].dtype == torch.float64 else 4
    rows = max(1, strip_bytes // (channels * width * itemsize))
    images = max(1, rows // height)
    rows = -(-height // -(-height // min(rows, height)))  # strips of nearly one height
    for first in range(0, batch, images):
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            yield slice(first, min(first + images, batch)), slice(top, bottom)


def _maps(
    settings: _Settings, logits: Sequence[Tensor], maps: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """What a function makes of all strips."""
    batch, size = len(logits[0]), settings.size
    if not batch:
        empty = [x.new_empty((0, x.shape[1], *size)) for x in logits]
        parts = settings.function(*(full_precision(x) for x in empty), *maps)
        return parts if isinstance(parts, tuple) else (parts,)
    results: list[Tensor] = []
    for strip in _strips(settings, logits, maps):
        parts = settings.function(*strip.logits, *strip.maps)
        parts = parts if isinstance(parts, tuple) else (parts,)
        if not results:
            results = [
                part.new_empty((batch, *part.shape[1:-2], *size)) for part in parts
            ]
        for result, part in zip(results, parts, strict=True):
            result[strip.images, ..., strip.rows, :] = part
    return tuple(results)


class _StripedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, settings, factors, *tensors):
        logits = tensors[: settings.num_logits]
        maps = tensors[settings.num_logits :]
        learns = ctx.needs_input_grad[2:][: len(logits)]
        slopes = [
            _slope(x, settings.size) if needed else None
            for x, needed in zip(logits, learns, strict=True)
        ]
        sums: Tensor | None = None
        with torch.autocast(logits[0].device.type, enabled=False):
            for strip in _strips(settings, logits, maps):
                with torch.enable_grad():
                    for part, needed in zip(strip.logits, learns, strict=True):
                        part.requires_grad_(needed)
                    values = settings.function(*strip.logits, *strip.maps).reshape(-1)
                    if factors is not None:
                        values = values * factors
                    total = values.sum()
                sums = values.detach() if sums is None else sums + values.detach()
                parts = [p for p in strip.logits if p.requires_grad]
                if not parts:
                    continue
                by_part = iter(torch.autograd.grad(total, parts))
                for source, slope in zip(strip.sources, slopes, strict=True):
                    if slope is not None:
                        source.collect(next(by_part), slope[strip.images])
            gradients = [
                None if slope is None else _narrow(slope, x.shape[3], settings)
                for slope, x in zip(slopes, logits, strict=True)
            ]
        assert sums is not None  # there is a strip
        ctx.save_for_backward(*(g for g in gradients if g is not None))
        ctx.dtypes = [
            x.dtype if n else None for x, n in zip(logits, learns, strict=True)
        ]
        ctx.num_maps = len(maps)
        ctx.mark_non_differentiable(sums)
        return sums.sum(), sums

    @staticmethod
    def backward(ctx, grad_total, grad_sums):
        if torch.is_grad_enabled():
            raise RuntimeError(
                'striped_loss has no second derivative: call backward without '
                'create_graph, or the equation itself on enlarged logits'
            )
        saved = iter(ctx.saved_tensors)
        # Rounded after a loss scale is multiplied in: else half precision underflows.
        gradients = [
            None if dtype is None else (next(saved) * grad_total).to(dtype)
            for dtype in ctx.dtypes
        ]
        return (None, None, *gradients, *[None] * ctx.num_maps)


def _slope(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Room for the gradient by logits of the strips' width."""
    height, width = size
    room = full_precision(logits).new_empty((*logits.shape[:3], width))
    # Without enlarging, each row is written once; else strips add to their neighbors'.
    return room if logits.shape[2] == height else room.zero_()


def _narrow(slope: Tensor, width: int, settings: _Settings) -> Tensor:
    """Gradient by logits of a width from that by logits of the strips' width."""
    if width == settings.size[1]:
        return slope
    weights = bilinear_weights(slope, width, settings.size[1], settings.align_corners)
    return slope @ weights


def _check(
    logits: Sequence[Tensor], size: Sequence[int], maps: Sequence[Tensor]
) -> tuple[int, int]:
    """Size as a tuple.

    Raises:
        ValueError: Something does not fit.
    """
    batch = len(logits[0])
    for x in logits:
        if x.dim() != 4 or not x.is_floating_point() or 0 in x.shape[1:]:
            raise ValueError(
                'logits must be floating point tensors (N, C, H, W), got '
                f'{x.dtype} of shape {tuple(x.shape)}'
            )
        if len(x) != batch or x.device != logits[0].device:
            raise ValueError(
                f'logits of {batch} images on {logits[0].device} do not go with logits '
                f'of {len(x)} images on {x.device}'
            )
    height, width = size
    for values in maps:
        fits = values.dim() in (3, 4) and len(values) == batch
        for got, wanted in zip(values.shape[-2:], (height, width), strict=True):
            fits &= got in (wanted, 1)
        if not fits:
            raise ValueError(
                f'a map of shape {tuple(values.shape)} does not cover {batch} images '
                f'of {height} x {width} pixels'
            )
    return height, width
