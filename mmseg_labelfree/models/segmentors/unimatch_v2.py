"""Segmentor whose two strong views lose complementary channels: UniMatch V2."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.channel_dropout import draw_complementary_factors
from ...utils.choices import check_range
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch
from .network_outputs import NetworkOutputs, join
from .teacher_view import TeacherView
from .unimatch_views import UniMatchViews, needs_joint_passes


@MODELS.register_module()
class UniMatchV2EncoderDecoder(UniMatchViews, MeanTeacherEncoderDecoder):
    r"""Segmentor of which each strong view keeps the channels that the other loses.

    UniMatch V2 (https://arxiv.org/abs/2410.10777) has no view of dropped features
    beside the strong ones, as :class:`UniMatchEncoderDecoder` has, but drops them in
    the strong views, and a moving average labels the weak view. In the backbone's
    features of an image the first view multiplies each channel by :math:`m`, 0 or 2
    with the same probability, the second by :math:`2 - m`; some images of the
    batch stay whole.

    .. math::
        L = L_x + \lambda_u \tfrac{1}{2} (L_{s,1} + L_{s,2})

    The sum over confident pixels is divided by the number of all pixels that are no
    padding. The partner of CutMix is the next image of the batch; in the authors' code
    the batch backwards.

    Args:
        untouched: Share of the unlabeled images that keep all channels, 0 to 1,
            rounded down to whole images (code: 0.5). 1 drops nothing.
        num_strong_views: 2.
        **kwargs: As for :class:`MeanTeacherEncoderDecoder`.

    Raises:
        ValueError: ``untouched`` is out of range, there are not two strong views, or
            ``student_passes`` is 'per_source'.

    Example:
        The published setting::

            model = dict(
                type='UniMatchV2EncoderDecoder',
                threshold=0.95,
                mixing='cutmix', mixing_prob=0.5, mixing_per_sample=True,
                mixing_area=(0.02, 0.4), strong_view=dict(), unlabeled_weight=0.5,
                decode_head=dict(
                    loss_decode=dict(avg_non_ignore=True, loss_weight=0.5)))
            custom_hooks = [
                dict(type='EMATeacherHook', momentum=0.996, buffers='ema')]
    """

    def __init__(
        self,
        *args: Any,
        untouched: float = 0.5,
        num_strong_views: int = 2,
        **kwargs: Any,
    ) -> None:
        if num_strong_views != 2:
            raise ValueError(
                f'num_strong_views={num_strong_views} is not possible: UniMatch V2 '
                'divides the channels among 2 views'
            )
        check_range(0, 1, untouched=untouched)
        super().__init__(*args, num_strong_views=2, **kwargs)
        needs_joint_passes(self)
        self.untouched = untouched

    def student_outputs(
        self, batch: MixedBatch, strong: Sequence[TeacherView]
    ) -> NetworkOutputs:
        """Run the student; the two strong views lose complementary channels.

        Args:
            batch: The batch.
            strong: Views of its U unlabeled images, the two strong ones first; in
                warm-up none, or one that teaches nothing.

        Returns:
            As of the base class.
        """
        if len(strong) < 2:
            return super().student_outputs(batch, strong)
        images = join([batch.labeled, *(view.images for view in strong)])
        features = self.extract_feat(images)
        thinned = self.without_channels(features, batch.num_labeled, len(strong[0]))
        return self.outputs(self, thinned, auxiliary=True)

    def without_channels(
        self, features: Sequence[Tensor], first: int, num: int
    ) -> list[Tensor]:
        """Features (N, C, h, w) whose rows ``first`` to ``first + 2 num`` lose some."""
        factors = draw_complementary_factors(
            num, [x.shape[1] for x in features], self.untouched, features[0].device
        )
        rest = len(features[0]) - first - 2 * num
        rows = [F.pad(factor, (0, 0, first, rest), value=1.0) for factor in factors]
        return [
            x * row.to(x.dtype)[:, :, None, None]
            for x, row in zip(features, rows, strict=True)
        ]
