"""Decode head that assigns pixels to clusters."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class ClusteringHead(BaseDecodeHead):
    """Decode head with one logit per cluster, after convolutions with ReLU.

    IDDC, section 4.2.1: two convolutions with ReLU before the classifier. The default
    is the shape of the authors' code, 3x3 and 1x1 at the width of the embedding. The
    ablations (section 4.4) have a linear head, ``kernel_sizes=()``: one 1x1
    convolution, which mmseg's ``FCNHead(num_convs=0, concat_input=False)`` loads, too.
    The softmax is left to the losses and to the segmentor.

    Initial weights are those of ``torch.nn.Conv2d``, as in the code; mmseg's usual
    0.01 would let all clusters start as one.

    Args:
        in_channels: Channels of the feature map ``in_index``.
        num_classes: Number of clusters K, 2 or more.
        channels: Width of the convolutions. Defaults to ``in_channels``.
        kernel_sizes: Odd kernel sizes of the convolutions before
            the classifier; empty for a linear head, which ignores ``channels``.
        dropout_ratio: Defaults to 0.
        init_cfg: Defaults to None.
        **kwargs: As for mmseg's ``BaseDecodeHead``.

    Raises:
        ValueError: A kernel size is even, or there are fewer than 2 clusters.

    Example:
        ``decode_head=dict(type='ClusteringHead', in_channels=384, num_classes=27)``
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        channels: int | None = None,
        kernel_sizes: Sequence[int] = (3, 1),
        dropout_ratio: float = 0.0,
        init_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        if num_classes < 2:
            raise ValueError(f'num_classes={num_classes}: give 2 clusters or more')
        if any(size < 1 or size % 2 == 0 for size in kernel_sizes):
            raise ValueError(f'kernel_sizes must be odd, not {list(kernel_sizes)}')
        if channels is None or not kernel_sizes:
            channels = in_channels
        super().__init__(
            in_channels,
            channels,
            num_classes=num_classes,
            out_channels=num_classes,
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg,
            **kwargs,
        )
        layers: list[nn.Module] = []
        width = in_channels
        for size in kernel_sizes:
            layers += [
                nn.Conv2d(width, channels, size, padding=size // 2),
                nn.ReLU(inplace=True),
            ]
            width = channels
        self.convs = nn.Sequential(*layers)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits ``(N, K, h, w)`` at the size of the chosen feature map.

        Args:
            inputs: Feature maps of the backbone, ``(N, C, h, w)`` each.
        """
        return self.cls_seg(self.convs(self._transform_inputs(inputs)))
