"""ResNet with leaky ReLU, as in-place activated batch norm has it."""

from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS
from torch import nn


@MODELS.register_module()
class LeakyResNet(ResNet):
    """ResNet whose activations are leaky ReLU: that of MiB's code.

    The authors have in-place activated batch norm (ABN,
    https://arxiv.org/abs/1712.02616), one layer in place of batch norm and activation
    that keeps its output alone for the backward pass. In a block it stands behind the
    first and the second convolution; behind the third and on the shortcut batch norm
    stands alone, and the activation follows the sum. Here both are layers of their own,
    and all else is mmseg's.

    What is equal, once ``tools/model_converters/mib_to_mmseg.py`` has turned ABN's
    scale w into its ``abs(w) + eps``: outputs, running statistics and gradients by the
    features, up to rounding. What is not: the memory of a training; and there ABN's
    scale never falls below eps, while an ordinary one may pass 0, and weight decay
    pulls at w, not at ``abs(w) + eps``.

    Args:
        negative_slope: Slope of the activation below 0. Defaults to 0.01, as in the
            authors' code.
        **kwargs: As for mmseg's ``ResNet``, whose weights fit by name and shape.

    Example:
        ``backbone=dict(type='LeakyResNet', depth=101, strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2))``
    """

    def __init__(self, negative_slope: float = 0.01, **kwargs) -> None:
        super().__init__(**kwargs)
        for module in [*self.modules()]:
            for name, child in module.named_children():
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.LeakyReLU(negative_slope, inplace=True))
