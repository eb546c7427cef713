"""What the losses share that compare logits with a step's ground truth."""

from .pixel_decode_loss import PixelDecodeLoss


class IncrementalPixelLoss(PixelDecodeLoss):
    """Base class of a ``loss_decode`` that knows how many classes are old.

    Args:
        num_old_classes (int): Number of classes known before this step, background
            included. Must be below the number of logits. ``ClassIncrementalProtocol``
            sets it.
        loss_weight, avg_non_ignore, loss_name, use_sigmoid, class_weight: See
            :class:`PixelDecodeLoss`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        num_old_classes: int,
        loss_weight: float,
        avg_non_ignore: bool,
        loss_name: str,
        use_sigmoid: bool,
        class_weight: None,
    ) -> None:
        super().__init__(
            loss_weight, loss_name, use_sigmoid, class_weight, avg_non_ignore
        )
        if (
            isinstance(num_old_classes, bool)
            or not isinstance(num_old_classes, int)
            or num_old_classes < 1
        ):
            raise ValueError(
                'num_old_classes must be an integer of at least 1 (background and the '
                f'old classes), got {num_old_classes!r}'
            )
        self.num_old_classes = num_old_classes

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'num_old_classes={self.num_old_classes}, '
            f'loss_weight={self.loss_weight}, avg_non_ignore={self.avg_non_ignore}'
        )
