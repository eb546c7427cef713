"""Segmentor for class-incremental learning with distillation."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Literal

import torch
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...utils.choices import check_choice
from ...utils.framework_compat import BatchNorm
from ..losses.pixel_losses import NamedTerm, head_losses, sum_terms
from ..teachers.mixin import TeacherMixin
from ..utils.head_checks import (
    needs_ignore_255,
    needs_map_of_logits,
    needs_output_per_class,
)
from ..utils.recording import classifier_entry, recorded_inputs, recorded_stages
from .striped import StripedEncoderDecoder


@MODELS.register_module()
class IncrementalEncoderDecoder(TeacherMixin, StripedEncoderDecoder):
    r"""Segmentor that also distills from the previous step's model.

    The objective of a step is (MiB, eq. 3; https://arxiv.org/abs/2201.13338)

    .. math:: L = \ell_{ce} + \sum_j \lambda_j \ell_{kd,j}

    where :math:`\ell_{ce}` is whatever ``loss_decode`` the heads hold, and each
    distillation loss compares what the student and the frozen teacher computed for
    the same images. Which of it, the loss's attribute ``compares`` says:

    - 'logits' (also without that attribute): logits, bilinearly resized to the size
      of the input as the authors' code does;
    - 'backbone': the tuple of features that ``extract_feat`` returns;
    - 'decoder': the input of the decode head's classifier, before dropout;
    - 'levels': the output of each stage of a ResNet before its last activation (of
      another backbone what ``extract_feat`` returns), then 'decoder', then the small
      logits.

    The student runs once; the teacher runs once, without gradient, and lives
    outside ``state_dict`` so that a checkpoint of this class is a checkpoint of a
    stock ``EncoderDecoder``.

    Args:
        distillation: Loss configs called as
            ``loss(student, teacher)``. Logged under ``distill.<loss_name>``. Empty
            means no teacher is needed, and the class is a stock ``EncoderDecoder``.
        freeze_norm: What all batch norm layers keep as it is. 'statistics' for their
            running statistics, with which they then normalize; weights and biases
            still train. Worth it where the images of a step resemble each other so
            much that their statistics ruin the old classes. 'affine' for weights and
            biases, while the statistics move: the code's ``fix_bn``, off there by
            default. Defaults to None: nothing.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: A distillation loss compares something else, or logits of which the
            decode head gives several maps; or ``freeze_norm`` is unknown.

    Example:
        ``model=dict(type='IncrementalEncoderDecoder', distillation=[dict(
        type='UnbiasedKnowledgeDistillationLoss', loss_weight=10.)])``
    """

    def __init__(
        self,
        *args,
        distillation: Sequence[dict] = (),
        freeze_norm: Literal['statistics', 'affine'] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        needs_ignore_255(self)
        needs_output_per_class(self)
        self.distillation = nn.ModuleList(MODELS.build(c) for c in distillation)
        check_choice('freeze_norm', freeze_norm, (None, 'statistics', 'affine'))
        self.freeze_norm = freeze_norm
        if freeze_norm == 'affine':
            for layer in self._norm_layers():
                layer.requires_grad_(False)
        for loss in self.distillation:
            if _compared(loss) not in ('logits', 'backbone', 'decoder', 'levels'):
                raise ValueError(
                    f'{type(loss).__name__} compares {_compared(loss)!r}; distillation '
                    "can compare 'logits', 'backbone', 'decoder' or 'levels'"
                )
            if _compared(loss) in ('logits', 'levels'):
                needs_map_of_logits(self)

    def train(self, mode: bool = True) -> 'IncrementalEncoderDecoder':
        """Set the mode; batch norm with frozen statistics stays in evaluation mode."""
        super().train(mode)
        if self.freeze_norm == 'statistics':
            for layer in self._norm_layers():
                layer.eval()
        return self

    def _norm_layers(self) -> list[nn.Module]:
        return [layer for layer in self.modules() if isinstance(layer, BatchNorm)]

    def needs_teacher(self, data_samples: SampleList) -> bool:
        """Whether there is a distillation."""
        return bool(self.distillation)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W), 255 = ignored.

        Returns:
            ``decode.*``, ``distill.*`` and, with an auxiliary head, ``aux.*``.
        """
        wanted = {_compared(loss) for loss in self.distillation}
        student = _outputs(self, inputs, wanted)
        teacher: dict[str, Any] = {}
        if self.distillation:
            with torch.no_grad():
                teacher = _outputs(self.teacher, inputs, wanted)
        data_samples, weight = self.targets(data_samples, teacher)
        # Losses of pixels share a pass over strips if labels and images have one size.
        head, logits, size = self.decode_head, student['logits'], inputs.shape[2:]
        terms = self._distillation_terms(teacher, len(inputs) * size.numel())
        shared = data_samples[0].gt_sem_seg.shape == size
        own = terms if shared else ()
        found = head_losses(head, logits, data_samples, own, weight)
        if not shared and terms:
            found.update(sum_terms(terms, logits, size, self.align_corners))
        losses = {k if '.' in k else f'decode.{k}': v for k, v in found.items()}
        for loss in self.distillation:
            if _is_striped(loss):
                continue
            what, name = _compared(loss), f'distill.{loss.loss_name}'
            pair = [student[what], teacher[what]]
            if what == 'logits':
                pair = [self.to_size(x, inputs) for x in pair]
            losses[name] = losses.get(name, 0) + loss(*pair)
        losses.update(self.auxiliary_losses(student['backbone'], data_samples))
        return losses

    def targets(
        self, data_samples: SampleList, teacher: Mapping[str, Any]
    ) -> tuple[SampleList, Tensor | None]:
        """What the heads learn, for a subclass to change; here the samples themselves.

        Args:
            data_samples: The samples of the batch.
            teacher: What the teacher computed for it, the small ``logits`` among it;
                empty without distillation, as in the first step.

        Returns:
            Samples to learn, and the factor of each pixel ``(N, H, W)`` or None.
        """
        return data_samples, None

    def _distillation_terms(
        self, teacher: Mapping[str, Any], num_pixels: int
    ) -> list[NamedTerm]:
        """The distillation losses of logits, with their names."""
        losses: list[Any] = [loss for loss in self.distillation if _is_striped(loss)]
        return [
            (f'distill.{x.loss_name}', x.pixel_term(teacher['logits'], num_pixels))
            for x in losses
        ]


def _compared(loss: nn.Module) -> str:
    return getattr(loss, 'compares', 'logits')


def _is_striped(loss: nn.Module) -> bool:
    """Whether the loss is a sum over pixels that says so."""
    return _compared(loss) == 'logits' and hasattr(loss, 'pixel_term')


def _outputs(model: EncoderDecoder, inputs: Tensor, wanted: Set[str]) -> dict[str, Any]:
    """What losses may compare, from one pass through ``model``."""
    head = model.decode_head
    with recorded_stages(model.backbone if 'levels' in wanted else None) as stages:
        features = model.extract_feat(inputs)
    if not {'decoder', 'levels'} & wanted:
        return dict(backbone=features, logits=head(features))
    with recorded_inputs(classifier_entry(head)) as recorded:
        logits = head(features)
    if not recorded:
        raise ValueError(
            f'{type(head).__name__} computes its logits without its dropout and '
            "conv_seg, so there is no 'decoder' output to compare: use level='backbone'"
        )
    levels = [*(stages.values() or features), recorded[-1], logits]
    return dict(backbone=features, decoder=recorded[-1], logits=logits, levels=levels)
