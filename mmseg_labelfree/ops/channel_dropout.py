"""Complementary dropout: a view keeps the channels that the other one loses."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ['complementary_factors', 'draw_complementary_factors']


def complementary_factors(kept: Tensor, untouched: Tensor) -> Tensor:
    r"""Factors on the channels of two views of each image: UniMatch V2.

    With :math:`m \in \{0, 2\}` for each channel the first view's features are
    multiplied by :math:`m`, the second's by :math:`2 - m`
    (https://arxiv.org/abs/2410.10777).

    Args:
        kept: Bool ``(N, C)``, the channels that the first view of an image keeps.
        untouched: Bool ``(N)``, images that keep all channels in both views.

    Returns:
        float32 ``(2 N, C)``, first views first: 0 or 2, 1 for untouched images.

    Example:
        >>> kept = torch.tensor([[True, False], [True, True]])
        >>> complementary_factors(kept, torch.tensor([False, True]))
        tensor([[2., 0.],
                [1., 1.],
                [0., 2.],
                [1., 1.]])
    """
    first = 2.0 * kept
    factors = torch.cat([first, 2 - first])
    return factors.masked_fill(untouched.repeat(2)[:, None], 1.0)


def draw_complementary_factors(
    num: int,
    channels: Sequence[int],
    untouched: float = 0.5,
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
) -> list[Tensor]:
    """Draw :func:`complementary_factors` for the levels of a backbone.

    A channel is kept by either view with probability 0.5. Levels of one width lose the
    same channels, as those of a vision transformer, which is what the authors have.

    Args:
        num: Number of images N.
        channels: Channels C of each level.
        untouched: Share of the images that keep all channels, 0 to 1; ``int(N *
            untouched)`` random ones.
        device: Device of the result.
        generator: Generator on ``device``; default the global one.

    Returns:
        For each level float32 ``(2 N, C)``.

    Example:
        >>> [f.shape for f in draw_complementary_factors(3, channels=[8, 16])]
        [torch.Size([6, 8]), torch.Size([6, 16])]
    """

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, device=device, generator=generator)

    whole = draw(num).argsort().argsort() < int(num * untouched)
    factors = {
        width: complementary_factors(draw(num, width) < 0.5, whole)
        for width in dict.fromkeys(channels)
    }
    return [factors[width] for width in channels]
