"""Segmentor that finds the objects of an image, of whatever class: BASNet."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModel, BaseModule
from mmengine.structures import PixelData
from mmseg.models.backbones.resnet import BasicBlock
from mmseg.models.utils import ResLayer
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor, nn

from ...ops.saliency_losses import hybrid_saliency_loss

NUM_STAGES = 6


def _conv(inputs: int, outputs: int, dilation: int, norm_cfg: dict) -> nn.Module:
    """3x3 convolution, norm and ReLU; with a bias, which the authors' weights have."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
    norm = build_norm_layer(norm_cfg, outputs)[1]
    return nn.Sequential(OrderedDict(conv=conv, norm=norm, relu=nn.ReLU(inplace=True)))


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode='bilinear', align_corners=False)


class RefinementModule(BaseModule):
    """BASNet's residual refinement (section 3.3): a small U-Net on a saliency map.

    Args:
        width: Channels.
        norm_cfg: Norm layers.
    """

    def __init__(self, width: int, norm_cfg: dict) -> None:
        super().__init__()
        self.entry = nn.Conv2d(1, width, 3, padding=1)
        self.encoder = nn.ModuleList(_conv(width, width, 1, norm_cfg) for _ in range(4))
        self.bridge = _conv(width, width, 1, norm_cfg)
        self.decoder = nn.ModuleList(
            _conv(2 * width, width, 1, norm_cfg) for _ in range(4)
        )
        self.exit = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, logits: Tensor) -> Tensor:
        """Refined logits ``(N, 1, H, W)`` of coarse ones."""
        x, skips = self.entry(logits), []
        for layer in self.encoder:
            x = layer(x)
            skips.append(x)
            x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        x = self.bridge(x)
        for layer, skip in zip(self.decoder, reversed(skips), strict=True):
            x = layer(torch.cat([_resize(x, skip), skip], dim=1))
        return logits + self.exit(x)


@MODELS.register_module()
class SaliencyNet(BaseModel):
    """Segmentor of objects of whatever class: BASNet (Qin et al., CVPR 2019).

    A U-Net over a ResNet-34 whose stem neither strides nor pools, with two more
    stages, a dilated bridge, and a side output behind the bridge and each of the six
    decoder stages; the finest one is refined by a second small U-Net. All eight
    outputs are trained by binary cross-entropy + SSIM + IoU, each with weight 1.

    The ground truth has 1 for object, 0 for background and 255 for ignored pixels, see
    :class:`~mmseg_labelfree.datasets.transforms.ObjectMask`. The authors' weights
    are converted by ``tools/model_converters/basnet_to_saliency_net.py``.

    Args:
        width: Channels of the first stage. BASNet has 64 and 87 million
            parameters; 8 trains on CPUs.
        num_blocks: Residual blocks of the six encoder stages.
        norm_cfg: Norm layers.
        data_preprocessor: ``SegDataPreProcessor`` with its settings.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``.

    Results of ``predict``: every sample gets ``saliency``, float32 ``(1, H, W)`` in
    0..1, and ``pred_sem_seg``, 1 where that is above 0.5, both at the size of the
    original image, so that ``IoUMetric`` scores it with two classes. ``loss`` returns
    ``loss_bce``, ``loss_ssim`` and ``loss_iou``, summed over the outputs, and
    ``mae``, the refined output's mean absolute error. ``tensor`` returns the logits.

    Example:
        ``model=dict(type='SaliencyNet', width=8,
        data_preprocessor=dict(type='SegDataPreProcessor', ...))``
    """

    def __init__(
        self,
        width: int = 64,
        num_blocks: Sequence[int] = (3, 4, 6, 3, 3, 3),
        norm_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if width < 1 or len(num_blocks) != NUM_STAGES or min(num_blocks) < 1:
            raise ValueError(
                f'SaliencyNet needs a positive width and {NUM_STAGES} positive '
                f'num_blocks, not {width} and {list(num_blocks)}'
            )
        norm_cfg = norm_cfg or dict(type='BN')
        widths = [width * f for f in (1, 2, 4, 8, 8, 8)]
        self.stem = _conv(3, width, 1, norm_cfg)
        self.encoder = nn.ModuleList()
        inputs = width
        for stage, (channels, blocks) in enumerate(
            zip(widths, num_blocks, strict=True)
        ):
            # Stages 2 to 4 stride; before 5 and 6 the maps are pooled.
            stride = 2 if 1 <= stage <= 3 else 1
            layer = ResLayer(
                BasicBlock, inputs, channels, blocks, stride, norm_cfg=norm_cfg
            )
            self.encoder.append(layer)
            inputs = channels
        self.bridge = nn.Sequential(
            *(_conv(inputs, inputs, 2, norm_cfg) for _ in range(3))
        )
        self.decoder = nn.ModuleList()  # deepest first
        self.side_outputs = nn.ModuleList([nn.Conv2d(inputs, 1, 3, padding=1)])
        for stage in reversed(range(NUM_STAGES)):
            outputs = widths[max(stage - 1, 0)]
            # The deepest stage has dilated convolutions, all but its first.
            dilations = (1, 2, 2) if stage == NUM_STAGES - 1 else (1, 1, 1)
            steps = (inputs + widths[stage], widths[stage], widths[stage], outputs)
            layers = [
                _conv(steps[i], steps[i + 1], dilations[i], norm_cfg) for i in range(3)
            ]
            self.decoder.append(nn.Sequential(*layers))
            self.side_outputs.append(nn.Conv2d(outputs, 1, 3, padding=1))
            inputs = outputs
        self.refinement = RefinementModule(width, norm_cfg)

    def forward(
        self,
        inputs: Tensor,
        data_samples: OptSampleList = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | SampleList | list[Tensor]:
        """Losses, predictions or logits; see the class.

        Args:
            inputs: Normalized images, floating point ``(N, 3, H, W)``.
            data_samples: Of the images; with ``gt_sem_seg`` for ``mode='loss'``.
            mode: 'loss', 'predict' or 'tensor'.

        Raises:
            ValueError: ``mode`` is unknown.
        """
        if mode == 'loss':
            label = torch.cat([s.gt_sem_seg.data for s in data_samples])
            return self._losses(self.logits(inputs), label)
        if mode == 'predict':
            return self._predict(self.logits(inputs)[0], data_samples)
        if mode == 'tensor':
            return self.logits(inputs)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', not {mode!r}")

    def logits(self, inputs: Tensor) -> list[Tensor]:
        """The eight outputs, refined one first, then fine to coarse.

        Args:
            inputs: Normalized images ``(N, 3, H, W)``, any size.

        Returns:
            Tensors ``(N, 1, H, W)``, before the sigmoid.
        """
        x, skips = self.stem(inputs), []
        for stage, layer in enumerate(self.encoder):
            if stage >= 4:
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            x = layer(x)
            skips.append(x)
        x = self.bridge(x)
        outputs = [self.side_outputs[0](x)]
        for layer, skip, side in zip(
            self.decoder, reversed(skips), self.side_outputs[1:], strict=True
        ):
            x = layer(torch.cat([_resize(x, skip), skip], dim=1))
            outputs.append(side(x))
        outputs = [_resize(o, inputs) for o in reversed(outputs)]
        return [self.refinement(outputs[0]), *outputs]

    @staticmethod
    def _losses(outputs: list[Tensor], label: Tensor) -> dict[str, Tensor]:
        parts = [hybrid_saliency_loss(o, label) for o in outputs]
        losses = {
            f'loss_{k}': sum((p[k] for p in parts[1:]), parts[0][k]) for k in parts[0]
        }
        valid = label != 255
        error = (outputs[0][:, 0].detach().float().sigmoid() - label).abs() * valid
        return losses | dict(mae=error.sum() / valid.sum().clamp(min=1))

    @staticmethod
    def _predict(logits: Tensor, data_samples: SampleList) -> SampleList:
        for logit, sample in zip(logits, data_samples, strict=True):
            height, width = sample.img_shape[:2]  # the rest is padding
            saliency = logit[None, :, :height, :width].float().sigmoid()
            saliency = F.interpolate(
                saliency, sample.ori_shape[:2], mode='bilinear', align_corners=False
            )[0]
            sample.set_data(
                dict(
                    saliency=PixelData(data=saliency),
                    pred_sem_seg=PixelData(data=(saliency > 0.5).long()),
                )
            )
        return data_samples
