"""Per-pixel losses with a closed-form gradient, at the memory cost of one gradient.

Losses over dense logits are costly when they are written as a chain of
differentiable tensor operations, because every link keeps and passes back a
tensor of the size of the logits. Where the gradient has a closed form, none of
these is needed: :func:`fused_pixel_loss` keeps the logits and a few numbers per
pixel, and writes the gradient, already multiplied by the incoming one, into the
only large tensor there is. The closed form comes as a :class:`PixelLoss`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from .checks import check_logits, check_same_pixels

__all__ = ['PixelLoss', 'fused_pixel_loss', 'log_shares', 'softplus']

# Elements of one block per CPU thread: 2 MiB in float32, small enough to stay in the
# cache from one operation to the next, large enough that threads seldom wait for each
# other. A GPU takes an image at a time.
CPU_BLOCK = 2**19


class PixelLoss(NamedTuple):
    """A loss as two functions of a block of P pixels of one image.

    In both, ``x`` holds the logits ``(C, P)``, float32 or float64; ``work`` is an
    uninitialized tensor like it; every map comes as ``(P,)`` or ``(K, P)``. They must
    not change ``x`` or the maps.

    Attributes:
        value: ``value(x, work, state, *maps)`` returns the losses
            ``(P,)`` and fills ``state (num_state, P)`` with what the gradient needs.
        gradient: ``gradient(x, work, state, factor, *maps)`` leaves in
            ``work`` the derivative of each pixel's loss by its logits, times
            ``factor (P,)``.
        num_state: Numbers kept per pixel from the forward to the backward pass.
    """

    value: Callable[..., Tensor]
    gradient: Callable[..., None]
    num_state: int


def fused_pixel_loss(logits: Tensor, pixel_loss: PixelLoss, *maps: Tensor) -> Tensor:
    """Compute a per-pixel loss with a closed-form gradient.

    Half precision logits are converted to float32 block by block, and their
    gradient is rounded once, after weights, masks, averages and a loss scale have
    been multiplied in: nothing underflows on the way. Reduce the result with
    ordinary tensor operations. Nothing waits for a GPU; second derivatives are
    not available.

    Args:
        logits: Floating point ``(N, C, H, W)``, the only argument that receives a
            gradient. Contiguous and channels-last layouts are read as they are.
        pixel_loss: The loss of a block of pixels.
        *maps: Further inputs, ``(N, H, W)`` or ``(N, K, H, W)``.

    Returns:
        Loss of each pixel ``(N, H, W)``, float32 (float64 for float64).

    Raises:
        ValueError: If the logits are not a non-empty floating point
            ``(N, C, H, W)``, or a map differs from them in N, H or W.

    Example:
        The largest logit of each pixel, whose gradient is 1 at that class:

        >>> def value(x, work, state):
        ...     return x.amax(0)
        >>> def gradient(x, work, state, factor):
        ...     work.zero_().scatter_(0, x.argmax(0)[None], factor[None])
        >>> largest = PixelLoss(value, gradient, num_state=0)
        >>> fused_pixel_loss(torch.tensor([1.0, 3.0]).view(1, 2, 1, 1), largest)
        tensor([[[3.]]])
    """
    check_logits(logits)
    for values in maps:
        check_same_pixels('a map', values, logits, values.dim())
    constants = [values.detach() for values in maps]
    return _FusedPixelLoss.apply(logits, pixel_loss, *constants)


def log_shares(
    max_a: Tensor, sum_a: Tensor, max_b: Tensor, sum_b: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of two parts, from max and sum(exp(x - max)) of each."""
    margin = max_a - max_b + (sum_a / sum_b).log_()
    return logsigmoid(margin), logsigmoid(-margin)


def softplus(x: Tensor, out: Tensor) -> Tensor:
    """log(1 + exp(x)), exact in both tails unlike functional.softplus."""
    return torch.logaddexp(x, x.new_zeros(()), out=out)


def _compute_dtype(logits: Tensor) -> torch.dtype:
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def _blocks(logits: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of the logits (C, P) and of the other tensors, block after block."""
    channels, pixels = logits.shape[1], logits.shape[2] * logits.shape[3]
    step = pixels
    if logits.device.type == 'cpu':
        step = max(1, CPU_BLOCK * torch.get_num_threads() // channels)
    for image in zip(logits, *others, strict=True):
        # Each has its pixels last: (C, H, W) and (H, W) become (C, H * W) and (H * W,).
        flat = [values.flatten(-2) for values in image]
        for start in range(0, pixels, step):
            yield tuple(values[..., start : start + step] for values in flat)


class _FusedPixelLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, pixel_loss, *maps):
        batch, _, height, width = logits.shape
        dtype = _compute_dtype(logits)
        loss = logits.new_empty((batch, height, width), dtype=dtype)
        state = loss.new_empty((batch, pixel_loss.num_state, height, width))
        for x, losses, states, *values in _blocks(logits, loss, state, *maps):
            x = x.to(dtype)
            losses.copy_(pixel_loss.value(x, torch.empty_like(x), states, *values))
        ctx.save_for_backward(logits, state, *maps)
        ctx.pixel_loss = pixel_loss
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss):
        logits, state, *maps = ctx.saved_tensors
        dtype = _compute_dtype(logits)
        channels_last = logits.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        grad = torch.empty_like(logits, memory_format=layout)
        blocks = _blocks(logits, grad, state, grad_loss, *maps)
        for x, target, states, factor, *values in blocks:
            x = x.to(dtype)
            work = target if target.dtype == dtype else torch.empty_like(x)
            ctx.pixel_loss.gradient(x, work, states, factor, *values)
            if work is not target:
                target.copy_(work)
        return (grad, None, *[None] * len(maps))
