"""Several losses of the same pixels, summed in one pass over strips."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .compiling import untraced
from .strips import striped_loss

__all__ = ['PixelTerm', 'striped_terms']


class PixelTerm(NamedTuple):
    """A loss of pixels before it is summed: all of it but the logits that train.

    Attributes:
        equation: ``equation(logits, *others, *maps)`` gives the loss of each pixel
            ``(n, s, W)`` from the rows of a strip.
        maps: Label-sized inputs of the equation, as for :func:`striped_loss`.
        others: Further logits ``(N, K, h, w)``, such as a teacher's, enlarged like
            the first. They receive no gradient.
        weight: Factor of each pixel's loss, a number, ``()`` or ``(N, H, W)``: the
            loss's weight and denominator.
    """

    equation: Callable[..., Tensor]
    maps: tuple[Tensor, ...] = ()
    others: tuple[Tensor, ...] = ()
    weight: Tensor | float = 1.0


@untraced
def striped_terms(
    terms: Sequence[PixelTerm],
    logits: Tensor,
    size: Sequence[int],
    align_corners: bool = False,
    strip_bytes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum several losses of the same logits in one pass over strips.

    Args:
        terms: K losses of pixels.
        logits: ``(N, C, h, w)`` that they have in common, the only tensor that
            receives a gradient.
        size: As for :func:`striped_loss`.
        align_corners: As for ``interpolate``.
        strip_bytes: As for :func:`striped_loss`.

    Returns:
        The total ``()`` of all losses, which carries the gradient, and each of them
        ``(K,)`` without a gradient.

    Raises:
        ValueError: As for :func:`striped_loss`.

    Example:
        >>> logits = torch.zeros(1, 4, 2, 2, requires_grad=True)
        >>> def entropy(x):
        ...     return -(x.softmax(1) * x.log_softmax(1)).sum(1)
        >>> mean = PixelTerm(entropy, weight=1 / 64)
        >>> total, losses = striped_terms([mean, mean], logits, (8, 8))
        >>> (total / 2).exp().item(), len(losses)
        (4.0, 2)
    """
    others = {id(x): x.detach() for term in terms for x in term.others}
    weights = [torch.as_tensor(term.weight, device=logits.device) for term in terms]
    maps = [m for term in terms for m in term.maps]
    maps += [weight for weight in weights if weight.dim()]
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    factors = [weight.new_ones(()) if weight.dim() else weight for weight in weights]

    def sums(x: Tensor, *rows: Tensor) -> Tensor:
        enlarged = dict(zip(others, rows, strict=False))
        rest = iter(rows[len(others) :])
        losses = [
            term.equation(
                x,
                *(enlarged[id(other)] for other in term.others),
                *(next(rest) for _ in term.maps),
            )
            for term in terms
        ]
        return torch.stack(
            [
                (loss * next(rest)).sum() if weight.dim() else loss.sum()
                for loss, weight in zip(losses, weights, strict=True)
            ]
        )

    return striped_loss(
        sums,
        [logits, *others.values()],
        size,
        *maps,
        align_corners=align_corners,
        factors=torch.stack([factor.to(dtype) for factor in factors]),
        strip_bytes=strip_bytes,
    )
