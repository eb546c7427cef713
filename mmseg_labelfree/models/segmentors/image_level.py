"""Segmentor that learns from the classes of whole images: AFA."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList, add_prefix
from torch import Tensor

from ...ops.token_affinity import affinity_targets
from ...utils.choices import check_range
from ..layers.attention_affinity import AttentionRecord
from .activation_maps import ActivationEncoderDecoder, ActivationView


@MODELS.register_module()
class ImageLevelEncoderDecoder(ActivationEncoderDecoder):
    r"""Segmentor that is told which classes an image has, and not where: AFA.

    Ru et al., "Learning Affinity from Attention: End-to-End Weakly-Supervised Semantic
    Segmentation with Transformers", CVPR 2022, https://arxiv.org/abs/2203.02664. A
    classifier learns the image labels (U2PL+, eq. 6). Its activation maps
    (U2PL+, eq. 5), refined by the colors of the image, are labels for the decode head
    and auxiliary heads (U2PL+, eq. 7-8). With a transformer these labels also teach an
    affinity, by which the maps spread later in the training:

    - until ``classifier_iters`` the classifier learns alone;
    - then the heads learn from refined maps, and the affinity too;
    - from ``propagation_begin`` on the heads learn from propagated, refined maps.

    The activation maps see neither the decode head nor, through it, its batch norm; in
    AFA's code its running statistics do see their passes.

    Predictions are those of the decode head. Samples that carry image labels get the
    fields ``cam_sem_seg`` and ``pseudo_sem_seg`` besides, label maps of the activation
    maps with one score of background and as in training, and ``image_logits`` (K,), for
    :class:`~mmseg_labelfree.evaluation.MapIoUMetric` and
    :class:`~mmseg_labelfree.evaluation.ImageLabelF1Metric`.

    A checkpoint has the keys of a stock ``EncoderDecoder``, and ``image_head.*`` and
    ``affinity.*``, which one ignores.

    Args:
        affinity_loss: Loss of the affinity. Defaults to ``dict(type='AffinityLoss')``.
        classifier_iters: Iterations of the classifier alone.
        propagation_begin: First iteration with propagated maps, if there is an
            affinity.
        **kwargs: As for :class:`ActivationEncoderDecoder`: classifier, affinity, maps,
            scores of background and refinement, and those of a stock
            ``EncoderDecoder``. Losses carry their weights themselves (AFA: 1 for the
            classifier, 0.1 for the others).

    Raises:
        TypeError: The backbone has no attention, but an affinity is asked for.
        ValueError: Numbers of classes, iterations or scores do not fit.

    Example:
        See ``configs/_base_/methods/afa.py``.
    """

    def __init__(
        self,
        *args: Any,
        affinity_loss: dict | None = None,
        classifier_iters: int = 2000,
        propagation_begin: int = 6000,
        **kwargs: Any,
    ) -> None:
        check_range(0, classifier_iters=classifier_iters)
        super().__init__(*args, **kwargs)
        if self.affinity is not None and classifier_iters > propagation_begin:
            raise ValueError(
                f'classifier_iters={classifier_iters} and propagation_begin='
                f'{propagation_begin} must be in this order: maps propagate once the '
                'classifier has learned alone'
            )
        self.affinity_criterion = MODELS.build(
            affinity_loss or dict(type='AffinityLoss')
        )
        self.classifier_iters = classifier_iters
        self.propagation_begin = propagation_begin

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``image_labels``; no mask is looked at.

        Returns:
            ``image.*`` of the classifier; ``decode.*``, ``aux.*`` and ``affinity.*``.
        """
        iteration = MessageHub.get_current_instance().get_info('iter', 0)
        features, attention = self.encode(inputs)
        truth = self.truth(data_samples).to(inputs.device)
        losses = add_prefix(self.image_head.loss(features, truth), 'image')
        view = None
        if iteration < self.classifier_iters:
            losses['decode.loss_none'] = self.nothing()
        else:
            propagate = iteration >= self.propagation_begin
            view = self.observe(inputs, data_samples, propagate)
            losses.update(self.segmentation_losses(features, view.best_labels))
            losses.update(self.affinity_losses(features, attention, view.labels))
        losses.update(self.extra_losses(features, view))
        return losses

    def segmentation_losses(
        self, features: Sequence[Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Losses of the heads for label maps (N, H, W), 255 = ignored."""
        samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
        losses = self.losses_of_head(self.decode_head, features, samples)
        losses = add_prefix(losses, 'decode')
        return losses | self.auxiliary_losses(features, samples)

    def affinity_losses(
        self,
        features: Sequence[Tensor],
        attention: AttentionRecord | None,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Loss of the affinity for label maps (N, H, W), if there is an affinity."""
        if self.affinity is None or attention is None:
            return {}
        size = features[self.affinity.stage].shape[2:]
        targets = affinity_targets(labels, self.labeler.radius, size=size)
        loss = self.affinity_criterion(self.affinity(attention.scores()), targets)
        return {f'affinity.{self.affinity_criterion.loss_name}': loss}

    def extra_losses(
        self, features: Sequence[Tensor], view: ActivationView | None
    ) -> dict[str, Tensor]:
        """Further losses of a subclass; none here.

        Args:
            features: Of the backbone.
            view: What the activation maps say; None while the classifier learns alone.
        """
        return {}

    def nothing(self) -> Tensor:
        """Zero that reaches the resting parameters: DDP waits for all of them."""
        parts = [self.decode_head, *self.auxiliary_heads().values()]
        if self.affinity is not None:
            parts.append(self.affinity)
        parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
        return 0 * torch.stack([p.sum() for p in parameters]).sum()
