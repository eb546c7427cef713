"""Head that embeds pixels, next to a classifier."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..utils.recording import classifier_entry, recorded_inputs

__all__ = ['RepresentationHead']


@MODELS.register_module()
class RepresentationHead(BaseModule):
    """Head that embeds pixels for the contrastive loss (U2PL+, section 4.1).

    Two 3x3 Conv-BN-ReLU blocks that keep the resolution, and a 1x1 convolution: the
    layers that the authors' code has as its classifier too, with as many outputs as
    channels of the embedding. The paper mentions the blocks alone
    (``projection=False``); then no component of an embedding is negative, and
    no cosine either.

    It reads what a layer of the decode head is called with, so that it goes beside any
    decode head and the expensive part runs once::

        with representation_head.recording(decode_head) as recorded:
            logits = decode_head(features)
        embeddings = representation_head(recorded[0])

    Args:
        in_channels: Channels of the input of ``layer``.
        channels: D, channels of the embeddings.
        layer: Name of the layer of the decode head whose input is embedded. None: its
            classifier, before the dropout, with ``in_channels`` the ``channels`` of the
            decode head. The place in the authors' DeepLabV3+, the fused features, is
            'fusion' of ``DeepLabV3PlusHead`` and 'sep_bottleneck' of mmseg's
            ``DepthwiseSeparableASPPHead``, with ``in_channels`` their
            ``channels + c1_channels``.
        kernel_size: Of the convolutions in the blocks; 1 is a ninth of the work.
        dropout_ratio: Share of whole channels dropped after each block; 0 for none.
        projection: Whether to end in the 1x1 convolution.
        bias: Whether the blocks' convolutions have a bias in front of their norm, as in
            the authors' code.
        conv_cfg: As in other heads.
        norm_cfg: Normalization, for instance ``dict(type='SyncBN')``.
        act_cfg: Activation.
        init_cfg: As in other heads.

    Raises:
        ValueError: ``dropout_ratio`` is out of range.

    Example:
        ``representation_head=dict(type='RepresentationHead', in_channels=512,
        layer='fusion', bias=True, norm_cfg=dict(type='SyncBN'))``
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        layer: str | None = None,
        kernel_size: int = 3,
        dropout_ratio: float = 0.1,
        projection: bool = True,
        bias: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not 0 <= dropout_ratio < 1:
            raise ValueError(
                f'dropout_ratio must be at least 0 and below 1, got {dropout_ratio}'
            )
        self.layer = layer
        self.channels = channels
        layers: list[nn.Module] = []
        for width in (in_channels, channels):
            layers.append(
                ConvModule(
                    width,
                    channels,
                    kernel_size,
                    padding=kernel_size // 2,
                    bias=bias,
                    conv_cfg=conv_cfg,
                    norm_cfg=norm_cfg or dict(type='BN'),
                    act_cfg=act_cfg or dict(type='ReLU'),
                )
            )
            if dropout_ratio:
                layers.append(nn.Dropout2d(dropout_ratio))
        if projection:
            layers.append(nn.Conv2d(channels, channels, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Compute embeddings (N, D, h, w) of features (N, in_channels, h, w).

        They are not normalized: losses and memory bank do that.
        """
        return self.layers(features)

    @contextmanager
    def recording(self, decode_head: nn.Module) -> Iterator[list[Tensor]]:
        """Collect the features to embed while ``decode_head`` runs.

        Yields:
            A list, which has them after the head was called: one entry for each call.

        Raises:
            ValueError: The head has no such layer, or ran without it.
        """
        layer = _layer(decode_head, self.layer)
        with recorded_inputs(layer) as recorded:
            yield recorded
        if not recorded:
            raise ValueError(
                f'{type(decode_head).__name__} ran without its layer '
                f'{self.layer or "conv_seg"!r}: set representation_head.layer to '
                'the child whose input shall be embedded'
            )


def _layer(decode_head: nn.Module, name: str | None) -> nn.Module:
    if name is None:
        return classifier_entry(decode_head)
    layers = dict(decode_head.named_modules())
    if name not in layers:
        raise ValueError(
            f'{type(decode_head).__name__} has no layer {name!r}, only '
            f'{", ".join(dict(decode_head.named_children()))} and those inside them: '
            'change representation_head.layer'
        )
    return layers[name]
