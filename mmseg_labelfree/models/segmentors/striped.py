"""Segmentor of any stock config that computes its losses strip by strip."""

from collections.abc import Sequence
from typing import Any

from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from ...utils.choices import check_keys
from ..losses.pixel_losses import head_losses
from ..utils.single_images import allow_single_images


@MODELS.register_module()
class StripedEncoderDecoder(EncoderDecoder):
    """Segmentor that computes the losses of pixels without enlarging the logits.

    A stock ``EncoderDecoder`` in all else: same numbers, same checkpoints. Its losses
    are computed on a few enlarged rows at a time, see
    :func:`~mmseg_labelfree.ops.striped_loss`, which takes a fraction of the time and
    memory where logits are small and labels large. Losses that are no sums over
    pixels, heads with a pixel sampler, and heads that compute their losses in their
    own way are left alone. A batch may be a single image, see
    :func:`~mmseg_labelfree.models.utils.single_images.allow_single_images`.

    Args:
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Attributes:
        test_settings: What ``test_cfg`` may set.

    Raises:
        ValueError: ``test_cfg`` sets something else, or there are several decode heads.

    Example:
        In any config: ``model=dict(type='StripedEncoderDecoder')``
    """

    test_settings: tuple[str, ...] = ('mode', 'crop_size', 'stride')

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if isinstance(kwargs.get('decode_head'), Sequence):
            raise ValueError(
                f'{type(self).__name__} has one decode_head, not a cascade of several '
                '(OCRNet, PointRend): leave one of them, such as its FCNHead'
            )
        super().__init__(*args, **kwargs)
        check_keys('test_cfg', self.test_cfg, self.test_settings)
        allow_single_images(self)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W), 255 = ignored.

        Returns:
            ``decode.*`` and, with auxiliary heads, ``aux.*``.
        """
        features = self.extract_feat(inputs)
        losses = self.losses_of_head(self.decode_head, features, data_samples)
        losses = add_prefix(losses, 'decode')
        losses.update(self.auxiliary_losses(features, data_samples))
        losses.update(self.feature_losses(features, inputs, data_samples))
        return losses

    def feature_losses(
        self, features: Sequence[Tensor], images: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Further losses of a subclass on the features; none here."""
        return {}

    def auxiliary_losses(
        self, features: Sequence[Tensor], data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of the auxiliary heads, if any, under ``aux.*``."""
        losses: dict[str, Tensor] = {}
        for name, head in self.auxiliary_heads().items():
            own = self.losses_of_head(head, features, data_samples)
            losses.update(add_prefix(own, name))
        return losses

    def auxiliary_heads(self) -> dict[str, BaseDecodeHead]:
        """The auxiliary heads by their name in the log."""
        if not self.with_auxiliary_head:
            return {}
        if not isinstance(self.auxiliary_head, nn.ModuleList):
            return {'aux': self.auxiliary_head}
        return {f'aux_{i}': head for i, head in enumerate(self.auxiliary_head)}

    def losses_of_head(
        self,
        head: BaseDecodeHead,
        features: Sequence[Tensor],
        data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Run a head over the features and compute its losses."""
        if type(head).loss is not BaseDecodeHead.loss:
            return head.loss(features, data_samples, self.train_cfg)
        return head_losses(head, head(features), data_samples)

    def to_size(self, logits: Tensor, images: Tensor) -> Tensor:
        """Logits (N, C, h, w), resized bilinearly to the size of the images."""
        return resize(
            logits,
            images.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )
