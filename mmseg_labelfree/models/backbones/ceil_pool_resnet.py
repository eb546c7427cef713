"""ResNet with the max pooling of the DeepLab codes."""

from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS


@MODELS.register_module()
class CeilPoolResNet(ResNet):
    """ResNet whose max pooling rounds sizes up, as the codes of U2PL and STRICT do.

    An image of 96 x 128 pixels has 25 x 33 positions after it, where MMSegmentation
    has 24 x 32; for odd sizes both are the same. Nothing else differs, and weights fit
    both.

    Args:
        **kwargs: As for mmseg's ``ResNet``. With ``deep_stem=True`` it is mmseg's
            ``ResNetV1c`` otherwise.

    Example:
        U2PL's: ``backbone=dict(type='CeilPoolResNet', depth=101, deep_stem=True,
        stem_channels=128, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4),
        multi_grid=(4, 8, 16), contract_dilation=True)``
        STRICT's: ``backbone=dict(type='CeilPoolResNet', depth=101, style='caffe',
        strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))``
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.maxpool.ceil_mode = True
