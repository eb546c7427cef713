"""Mean and variance of the embeddings of each class, for contrastive learning."""

from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.class_moments import class_moments, merge_moments_
from ...utils.choices import check_range

__all__ = ['ClassStatistics']


@MODELS.register_module()
class ClassStatistics(nn.Module):
    """Layer that keeps the distribution of each class's embeddings: SePiCo's.

    Means and variances (https://arxiv.org/abs/2204.08808) are those of all embeddings
    that the layer was ever shown, by any process, without a momentum: old ones count as
    much as new ones, although the teacher that made them has changed. They are equal
    in all processes, and live where the model lives.

    Nothing is in ``state_dict``:
    :class:`~mmseg_labelfree.engine.hooks.ClassStatisticsHook` saves and restores them.
    Name the layer in a segmentor's ``not_in_teacher``.

    Args:
        num_classes: C.
        channels: D, channels of the embeddings.

    Attributes:
        counts: int64 ``(C,)``, embeddings of each class so far.
        means: float32 ``(C, D)``, 0 for classes that were never seen.
        variances: float32 ``(C, D)``, the diagonal of the covariance, with the number
            of embeddings in the denominator.

    Raises:
        ValueError: An argument is out of range.

    Example:
        >>> statistics = ClassStatistics(num_classes=2, channels=1)
        >>> for value in (1.0, 3.0):
        ...     embedding = torch.full((1, 1, 1, 1), value)
        ...     statistics.update(embedding, torch.zeros(1, 1, 1, dtype=torch.long))
        >>> statistics.means.flatten(), statistics.variances.flatten()
        (tensor([2., 0.]), tensor([1., 0.]))
    """

    needed_hook = 'ClassStatisticsHook'

    counts: Tensor
    means: Tensor
    variances: Tensor

    def __init__(self, num_classes: int, channels: int = 256) -> None:
        super().__init__()
        check_range(2, num_classes=num_classes)
        check_range(1, channels=channels)
        self.num_classes = num_classes
        self.channels = channels
        size = num_classes, channels
        for name, value in (
            ('counts', torch.zeros(num_classes, dtype=torch.int64)),
            ('means', torch.zeros(size)),
            ('variances', torch.zeros(size)),
        ):
            self.register_buffer(name, value, persistent=False)

    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Take in the embeddings of a batch. Every process must call it.

        Args:
            embeddings: ``(N, D, h, w)``, any precision; those that are not finite do
                not count.
            labels: int64 ``(N, h, w)``, 255 = none.
        """
        new = class_moments(embeddings, labels, self.num_classes)
        merge_moments_(self.counts, self.means, self.variances, *new)

    def contents(self) -> dict[str, Tensor]:
        """Copy the statistics to the CPU."""
        return {name: value.cpu().clone() for name, value in self.named_buffers()}

    def restore(self, contents: dict[str, Any]) -> None:
        """Restore what :meth:`contents` returned.

        Raises:
            ValueError: They are of other classes or channels.
        """
        saved = tuple(contents['means'].shape)
        if saved != tuple(self.means.shape):
            raise ValueError(
                f'the saved class statistics have {saved[0]} classes and {saved[1]} '
                f"channels, the config's {self.num_classes} and {self.channels}; use "
                'the settings of the run that wrote the checkpoint'
            )
        for name, value in self.named_buffers():
            value.copy_(contents[name])

    def extra_repr(self) -> str:
        """Format the settings, for ``print(model)``."""
        return f'num_classes={self.num_classes}, channels={self.channels}'
