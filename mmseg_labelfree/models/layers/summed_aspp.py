"""Layer of parallel dilated convolutions, the top of DeepLabV2."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SummedASPP(nn.Module):
    r"""Layer of parallel dilated 3x3 convolutions over the same features, summed.

    Atrous spatial pyramid pooling as in DeepLabV2 ('ASPP-L' with the default
    dilations; Chen et al., arXiv:1606.00915, section 3.3 and figure 7):

    .. math:: y = b + \sum_k W_k *_{r_k} x

    with one kernel :math:`W_k` for each dilation :math:`r_k` and zero padding that
    keeps the size. There is no normalization, activation or further layer: the
    outputs are class scores, or embeddings of the pixels.

    The parameters are those of one convolution, with the kernels side by side along the
    input channels, so that code which grows, copies or regularizes the rows of a
    classifier (``weight[c]``, ``bias[c]``) handles it like a ``Conv2d``. For
    the same reason there is one bias: the original's one bias per branch enters
    only as their sum. Under SGD that sum moves as fast as one bias whose learning rate
    is ``len(dilations)`` times as high.

    Args:
        in_channels: Channels of the features.
        out_channels: Channels of the result.
        dilations: Dilation of each branch, in pixels of the features.

    Attributes:
        weight: (out_channels, len(dilations) * in_channels, 3, 3); branch k has
            the input channels ``k * in_channels`` to ``(k + 1) * in_channels``.
            Drawn from N(0, 0.01^2), as in DeepLab.
        bias: (out_channels,), zero at first.

    Raises:
        ValueError: There is no dilation, or one below 1.

    Example:
        >>> aspp = SummedASPP(8, 600)
        >>> aspp(torch.randn(2, 8, 5, 7)).shape
        torch.Size([2, 600, 5, 7])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dilations: Sequence[int] = (6, 12, 18, 24),
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ValueError(
                f'dilations must be one or more integers >= 1, not {dilations}'
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dilations = tuple(dilations)
        branches = len(self.dilations)
        self.weight = nn.Parameter(
            torch.empty(out_channels, branches * in_channels, 3, 3)
        )
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, and set the bias to zero."""
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, out_channels, H, W) of features (N, in_channels, H, W)."""
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Compute the same with other kernels and biases."""
        kernels = weight.split(self.in_channels, dim=1)
        branches = zip(kernels, self.dilations, strict=True)
        kernel, rate = next(branches)
        result = F.conv2d(x, kernel, bias, padding=rate, dilation=rate)
        for kernel, rate in branches:
            result = result + F.conv2d(x, kernel, padding=rate, dilation=rate)
        return result

    def extra_repr(self) -> str:
        """Format the settings, for ``print(model)``."""
        return f'{self.in_channels}, {self.out_channels}, dilations={self.dilations}'
