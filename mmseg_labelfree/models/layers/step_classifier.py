"""Classifier of pixels that grows by a branch with each step."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import normal_init
from torch import Tensor, nn

from ...utils.framework_compat import BatchNorm

__all__ = ['StepClassifier']


class StepClassifier(nn.Module):
    """Classifier with a branch for the background, each step, and unknown objects.

    SSUL's heads (https://arxiv.org/abs/2106.11562): a branch is a 3x3 convolution with
    norm and activation, then a 1x1 convolution. What one of them learns changes no
    other's logits.

    The 1x1 convolutions start from N(0, 0.01^2) and a bias of 0, as MMSegmentation's
    classifiers do, since no other start is known of the authors'.

    Args:
        channels: Channels of the features, and of those inside of a branch.
        step_sizes: Number of classes of each step so far, without the background.
        **layers: ``conv_cfg``, ``norm_cfg`` and ``act_cfg`` of the 3x3 convolutions.

    Attributes:
        background: Branch of one logit.
        steps: Branches of the steps.
        unknown: Branch of one logit, for objects of no step so far.

    Example:
        >>> classifier = StepClassifier(8, (15, 1), norm_cfg=dict(type='BN'))
        >>> classifier(torch.randn(2, 8, 5, 7)).shape  # 1 + 15 + 1 + 1
        torch.Size([2, 18, 5, 7])
    """

    def __init__(self, channels: int, step_sizes: Sequence[int], **layers: Any) -> None:
        super().__init__()
        self.background = _branch(channels, 1, layers)
        self.steps = nn.ModuleList(_branch(channels, n, layers) for n in step_sizes)
        self.unknown = _branch(channels, 1, layers)

    def forward(self, features: Tensor) -> Tensor:
        """Compute logits of features ``(N, channels, h, w)``.

        Returns:
            ``(N, C + 1, h, w)``: the background, the classes of the steps, and last the
            unknown class.
        """
        branches = (self.background, *self.steps, self.unknown)
        return torch.cat([branch(features) for branch in branches], 1)

    def learning(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that a later step trains.

        Those of the newest, the unknown and the background's branch, but for their
        norms.
        """
        for branch in (self.background, self.steps[-1], self.unknown):
            for module in branch.modules():
                if not isinstance(module, BatchNorm):
                    yield from module.parameters(recurse=False)


def _branch(channels: int, classes: int, layers: Mapping[str, Any]) -> nn.Sequential:
    hidden = ConvModule(channels, channels, 3, padding=1, **layers)
    classify = nn.Conv2d(channels, classes, 1)
    normal_init(classify, std=0.01)
    return nn.Sequential(OrderedDict(hidden=hidden, classify=classify))
