"""Segmentor that teaches itself: UniMatch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch.nn.functional as F
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.compiling import untraced
from ...utils.choices import check_range
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch
from .network_outputs import NetworkOutputs, join
from .teacher_view import TeacherView
from .unimatch_views import UniMatchViews, needs_joint_passes

_FIXED = dict(teacher_mode='eval', confidence_weight=None)


@MODELS.register_module()
class UniMatchEncoderDecoder(UniMatchViews, MeanTeacherEncoderDecoder):
    r"""Segmentor whose own labels of weak views teach its strong and dropped views.

    UniMatch (https://arxiv.org/abs/2208.09910) needs no second network. For each
    unlabeled image the student's label of the weak view, where its probability reaches
    ``threshold``, is the target of

    - ``num_strong_views`` views, recolored and mixed apart from each other, and
    - the weak view again, whose features have lost whole channels.

    .. math::
        L = L_x + \lambda_u
        \left( \tfrac{1}{K} \sum_k L_{s,k} + \mu L_{fp} \right)

    The sum over confident pixels is divided by the number of all pixels that are no
    padding. Labeled and weak images run through the network together, plain and with
    dropped channels, then the strong views together.

    The partner of CutMix is the next image of the batch, with the labels of the same
    pass. The authors' code labels partners by one more pass in evaluation mode; there
    they are, unintended, other crops of the same images, and the author saw
    little difference (issues 51 and 85 of their repository).

    Args:
        feature_dropout: Probability of dropping a channel of a feature map, 0 to 1.
        feature_weight: :math:`\mu`.
        **kwargs: As for :class:`MeanTeacherEncoderDecoder`; no hook for a teacher.

    Raises:
        ValueError: ``feature_dropout`` is out of range, or there is a
            ``student_passes``, ``teacher_mode`` or ``confidence_weight``.

    Example:
        The published setting::

            model = dict(
                type='UniMatchEncoderDecoder',
                threshold=0.95,
                mixing='cutmix', mixing_prob=0.5, mixing_per_sample=True,
                mixing_area=(0.02, 0.4), num_strong_views=2, strong_view=dict(),
                unlabeled_weight=0.25,
                decode_head=dict(
                    loss_decode=dict(avg_non_ignore=True, loss_weight=0.5)))
    """

    def __init__(
        self,
        *args: Any,
        feature_dropout: float = 0.5,
        feature_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        check_range(0, 1, below=True, feature_dropout=feature_dropout)
        check_range(0, feature_weight=feature_weight)
        needs_joint_passes(self)
        for key, only in _FIXED.items():
            if getattr(self, key) != only:
                raise ValueError(
                    f'UniMatch has no {key}={getattr(self, key)!r}: it labels in the '
                    'pass that learns, and each pixel weighs 1; leave it out'
                )
        self.feature_dropout = feature_dropout
        self.feature_weight = feature_weight

    def needs_teacher(self, data_samples: SampleList) -> bool:
        """False: the network is its own teacher."""
        return False

    @untraced(recursive=False)
    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W), 255 = ignored, and
                ``metainfo['source']``.

        Returns:
            As of the base class, and ``dropped.*`` of the weak views that have lost
            channels.
        """
        batch = self.take_apart(inputs, data_samples)
        if self.in_warmup() or not batch.num_unlabeled:
            return super().loss(inputs, data_samples)  # of labels alone
        outputs, dropped = self._weak_outputs(batch)
        losses = self.labeled_loss(outputs, batch)
        logits = self.class_logits(outputs.logits[batch.num_labeled :].detach())
        weak = self.labels_from(logits, batch)
        labeled = TeacherView(batch.labeled, batch.truth())
        strong = self.strong_views(weak, labeled)
        logits = self.run(self, join([view.images for view in strong])).logits
        losses.update(self.unlabeled_loss(logits, strong))
        view = replace(weak, name='dropped', loss_weight=self.feature_weight)
        losses.update(self.view_loss(dropped[batch.num_labeled :], view))
        return losses

    def _weak_outputs(self, batch: MixedBatch) -> tuple[NetworkOutputs, Tensor]:
        """Outputs for labeled and weak images, and their logits without channels."""
        features = self.extract_feat(join([batch.labeled, batch.unlabeled]))
        both = [
            join([x, F.dropout2d(x, self.feature_dropout, training=True)])
            for x in features
        ]
        plain, dropped = self.decode(self, both)[0].tensor_split(2)
        others = [head(features) for head in self.auxiliary_heads().values()]
        last = features[-1] if self.feature_distance is not None else None
        return NetworkOutputs(plain, None, tuple(others), last), dropped

    @contextmanager
    def teacher_in_mode(self, mode: str = 'eval') -> Iterator[EncoderDecoder]:
        """The network itself, which is its own teacher, in a mode."""
        training = self.training
        self.train(mode == 'train')
        try:
            yield self
        finally:
            self.train(training)
