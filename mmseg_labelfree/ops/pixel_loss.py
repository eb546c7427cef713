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

# Elements of one block per CPU thread: 2 MiB in float32, small enough to stay in the
# cache from one operation to the next, large enough that threads seldom wait for each
# other. A GPU takes an image at a time.
_CPU_BLOCK = 2**19


class PixelLoss(NamedTuple):
    """A loss as two functions of a block of P pixels of one image.

    In both, ``x`` holds the logits ``(C, P)``, float32 or float64; ``work`` is an
    uninitialised tensor like it; every map comes as ``(P,)`` or ``(K, P)``. They must
    not change ``x`` or the maps.

    Attributes:
        value (Callable): ``value(x, work, state, *maps)`` returns the losses
            ``(P,)`` and fills ``state (num_state, P)`` with what the gradient needs.
        gradient (Callable): ``gradient(x, work, state, factor, *maps)`` leaves in
            ``work`` the derivative of each pixel's loss by its logits, times
            ``factor (P,)``.
        num_state (int): Numbers kept per pixel from the forward to the backward pass.
    """

    value: Callable[..., Tensor]
    gradient: Callable[..., None]
    num_state: int


def fused_pixel_loss(logits: Tensor, pixel_loss: PixelLoss, *maps: Tensor) -> Tensor:
    """Apply a per-pixel loss with a closed-form gradient.

    Half precision logits are converted to float32 block by block, and their
    gradient is rounded once, after weights, masks, averages and a loss scale have
    been multiplied in: nothing underflows on the way. Reduce the result with
    ordinary tensor operations. Nothing waits for a GPU; second derivatives are
    not available.

    Args:
        logits (Tensor): Floating point logits ``(N, C, H, W)``, the only argument that
            receives a gradient. Contiguous and channels-last layouts are read as
            they are.
        pixel_loss (PixelLoss): The loss of a block of pixels.
        *maps (Tensor): Further inputs, ``(N, H, W)`` or ``(N, K, H, W)``.

    Returns:
        Tensor: Loss of each pixel ``(N, H, W)``, float32 (float64 for float64).

    Raises:
        ValueError: If the logits are not a non-empty floating point
            ``(N, C, H, W)``, or a map differs from them in N, H or W.
    """
    check_logits(logits)
    for values in maps:
        check_same_pixels('a map', values, logits, values.dim())
    constants = [values.detach() for values in maps]
    return _FusedPixelLoss.apply(logits, pixel_loss, *constants)


def check_logits(logits: Tensor, name: str = 'logits') -> None:
    """Raise a ValueError unless ``logits`` are floating point (N, C, H, W)."""
    if logits.dim() != 4 or not logits.is_floating_point() or not logits.numel():
        raise ValueError(
            f'{name} must be a non-empty floating point tensor (N, C, H, W), got '
            f'{logits.dtype} of shape {tuple(logits.shape)}'
        )


def check_same_pixels(name: str, values: Tensor, logits: Tensor, dim: int = 3) -> None:
    """Raise a ValueError unless ``values`` cover the pixels of ``logits``.

    Args:
        name (str): What to call ``values`` in the message.
        values (Tensor): ``(N, H, W)``, or ``(N, K, H, W)`` for ``dim=4``.
        logits (Tensor): ``(N, C, H, W)``.
        dim (int): Number of dimensions that ``values`` must have.
    """
    got = tuple(values.shape)
    want = (logits.shape[0], *logits.shape[2:])
    if values.dim() != dim or dim not in (3, 4) or (got[0], *got[-2:]) != want:
        form = '(N, H, W)' if dim == 3 else '(N, K, H, W)'
        raise ValueError(
            f'{name} must have shape {form} with the batch size, height and width of '
            f'the logits {tuple(logits.shape)}, got {got}; resize one to the other '
            'first'
        )


def check_label(label: Tensor, logits: Tensor) -> None:
    """Raise a ValueError unless ``label`` holds an integer per pixel of ``logits``."""
    check_same_pixels('label', label, logits)
    if label.is_floating_point() or label.dtype == torch.bool:
        raise ValueError(f'label must hold integer class indices, got {label.dtype}')


def _compute_dtype(logits: Tensor) -> torch.dtype:
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def _blocks(logits: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of the logits (C, P) and of the other tensors, block after block."""
    channels, pixels = logits.shape[1], logits.shape[2] * logits.shape[3]
    step = pixels
    if logits.device.type == 'cpu':
        step = max(1, _CPU_BLOCK * torch.get_num_threads() // channels)
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
