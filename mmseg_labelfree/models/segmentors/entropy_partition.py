"""Segmentor that tells reliable pseudo-labels from unreliable ones by their entropy."""

from collections.abc import Sequence
from dataclasses import replace

from mmengine.logging import MessageHub
from mmseg.models import EncoderDecoder
from torch import Tensor

from ...ops.reliability import (
    EntropySplit,
    reliable_pixel_weight,
    split_by_entropy,
    unreliable_share,
)
from ...utils.choices import check_choice, check_names, check_range
from .teacher_view import TeacherView

__all__ = ['TARGET_NEGATIVES', 'EntropyPartitionMixin']

TARGET_NEGATIVES = ('reliable', 'surest', 'unreliable')


class EntropyPartitionMixin(EncoderDecoder):
    r"""Mixin of segmentors that split pseudo-labels by their entropy.

    U2PL+, section 3.3, https://arxiv.org/abs/2306.02314.

    Args:
        unreliable: :math:`\alpha_0`, share of unreliable pixels at the start.
        dynamic_partition: Let that share fall to 0 over the training (U2PL+, eq. 13),
            here in every iteration; the paper steps once an epoch, 1/80 of its range.
        entropy_filter: Leave the unreliable pixels out of :math:`L_u` (U2PL+, eq. 12);
            otherwise they only have no part in prototypes and anchors.
        adaptive_weight: Weight :math:`L_u` (U2PL+, eq. 14) by the number of all pixels
            over that of reliable ones. What it weighs is up to ``unlabeled_loss``: a
            mean over all pixels, so that the product is the mean over reliable ones; or
            with ``avg_non_ignore=True``, as in the authors' code, this mean,
            once more enlarged.
        negatives: Which pixels enter the bank, of 'labeled', 'reliable' (those below
            the entropy threshold), 'surest' (of the lowest entropy, as many as are
            unreliable; R in Tables 3 and 12) and 'unreliable' (U there).
        **kwargs: As for the segmentor.

    Raises:
        ValueError: A kind of negatives is unknown, or ``unreliable`` is no share.
    """

    def __init__(
        self,
        *args,
        unreliable: float = 0.2,
        dynamic_partition: bool = True,
        entropy_filter: bool = True,
        adaptive_weight: bool = True,
        negatives: Sequence[str] = ('labeled', 'unreliable'),
        **kwargs,
    ) -> None:
        check_range(0, 1, unreliable=unreliable)
        super().__init__(*args, **kwargs)
        check_names(negatives=negatives)
        for kind in negatives:
            check_choice('negatives', kind, ('labeled', *TARGET_NEGATIVES))
        self.unreliable = unreliable
        self.dynamic_partition = dynamic_partition
        self.entropy_filter = entropy_filter
        self.adaptive_weight = adaptive_weight
        self.negatives = tuple(negatives)

    def partition(
        self, entropy: Tensor, valid: Tensor, all_processes: bool = True
    ) -> EntropySplit:
        """Tell reliable pixels from unreliable ones (U2PL+, eq. 12-13).

        Args:
            entropy: Of the teacher's predictions (U, H, W), in nats.
            valid: Bool (U, H, W), where there is an image.
            all_processes: Over the images of all processes, which all must call this.
        """
        share = self.unreliable_share()
        pixels = split_by_entropy(entropy, share, valid, all_processes=all_processes)
        if 'surest' in self.negatives:
            low = split_by_entropy(
                entropy, 1 - share, valid, all_processes=all_processes
            )
            pixels = pixels._replace(surest=low.reliable)
        return pixels

    def unreliable_share(self) -> float:
        """Share of unreliable pixels in this iteration, 0 to 1 (U2PL+, eq. 13)."""
        hub = MessageHub.get_current_instance()
        total = hub.get_info('max_iters', 0)
        if not (total and self.dynamic_partition):
            return self.unreliable
        return unreliable_share(hub.get_info('iter', 0), total, self.unreliable)

    def taught(self, labels: Tensor, pixels: EntropySplit) -> Tensor:
        """What the student learns of pseudo-labels (U, H, W)."""
        if not self.entropy_filter:
            return labels
        return labels.masked_fill(~pixels.reliable, 255)

    def weigh(self, view: TeacherView, all_processes: bool = True) -> TeacherView:
        """Set the weight of a view by its share of reliable pixels (U2PL+, eq. 14)."""
        if not self.adaptive_weight:
            return view
        weight = reliable_pixel_weight(view.labels, all_processes=all_processes)
        return replace(view, loss_weight=view.loss_weight * weight)
