"""Segmentor for class-incremental learning with distillation."""

from collections.abc import Sequence

import torch
from mmseg.models import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..utils import FrozenTeacherMixin


@MODELS.register_module()
class IncrementalEncoderDecoder(FrozenTeacherMixin, EncoderDecoder):
    r"""An ``EncoderDecoder`` that also distils from the previous step's model.

    The objective of a step is (Modeling the Background, eq. 3)

    .. math:: L = \ell_{ce} + \sum_j \lambda_j \ell_{kd,j}

    where :math:`\ell_{ce}` is whatever ``loss_decode`` the heads hold, and each
    distillation loss compares the student's logits with those of the frozen
    teacher, both bilinearly resized to the size of the input as the authors' code
    does. The student runs once; the teacher runs once, without gradient, and lives
    outside ``state_dict`` so that a checkpoint of this class is a checkpoint of a
    stock ``EncoderDecoder``.

    Args:
        distillation (Sequence[dict]): Loss configs called as
            ``loss(student_logits, teacher_logits)``. Logged under
            ``distill.<loss_name>``. Empty means no teacher is needed, and the
            class is a stock ``EncoderDecoder``.
        norm_eval (bool): Keep the running statistics of all batch norm layers as they
            are, and normalise with them (the code's ``fix_bn``; off there by default).
            Worth it where the images of a step resemble each other so much that
            their statistics ruin the old classes. Weights and biases still train.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Example:
        ``model=dict(type='IncrementalEncoderDecoder', distillation=[dict(
        type='UnbiasedKnowledgeDistillationLoss', loss_weight=10.)])``
    """

    def __init__(
        self,
        *args,
        distillation: Sequence[dict] = (),
        norm_eval: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.distillation = nn.ModuleList(MODELS.build(c) for c in distillation)
        self.norm_eval = norm_eval

    def train(self, mode: bool = True) -> 'IncrementalEncoderDecoder':
        """Set the mode; with ``norm_eval`` batch norm stays in evaluation mode."""
        super().train(mode)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W), 255 = ignored.

        Returns:
            ``decode.*``, ``distill.*`` and, with an auxiliary head, ``aux.*``.
        """
        features = self.extract_feat(inputs)
        logits = self.decode_head(features)
        losses = add_prefix(
            self.decode_head.loss_by_feat(logits, data_samples), 'decode'
        )
        if self.distillation:
            distilled = self._distillation_losses(logits, inputs)
            losses.update(add_prefix(distilled, 'distill'))
        if self.with_auxiliary_head:
            losses.update(self._auxiliary_head_forward_train(features, data_samples))
        return losses

    def _distillation_losses(self, logits: Tensor, inputs: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            teacher = self.teacher
            teacher_logits = teacher.decode_head(teacher.extract_feat(inputs))
        student_logits, teacher_logits = (
            resize(x, inputs.shape[2:], mode='bilinear', align_corners=a)
            for x, a in (
                (logits, self.align_corners),
                (teacher_logits, teacher.align_corners),
            )
        )
        losses: dict[str, Tensor] = {}
        for loss in self.distillation:
            value = loss(student_logits, teacher_logits)
            losses[loss.loss_name] = losses.get(loss.loss_name, 0) + value
        return losses
