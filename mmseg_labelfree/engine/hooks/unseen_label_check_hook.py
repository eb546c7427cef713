"""Hook that checks that no unseen class is a training label."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...utils.choices import check_choice


@HOOKS.register_module()
class UnseenLabelCheckHook(Hook):
    """Hook that raises an error where an unseen class occurs as a training label.

    Zero-label results are worth nothing if a label of an unseen class leaks into the
    training, for instance from a dataset that is not wrapped in ``ZeroLabelDataset``,
    or from a transform that pastes objects. Each batch is checked as the loader gives
    it, on the CPU, so nothing waits for a GPU.

    Args:
        classes: Names of all classes, in the order of the labels.
        unseen: Names of those that must not occur.

    Raises:
        ValueError: In training; names the class and the image.

    Example:
        ``custom_hooks=[dict(type='UnseenLabelCheckHook', classes=['cat', 'dog'],
        unseen=['dog'])]``
    """

    def __init__(self, classes: Sequence[str], unseen: Sequence[str]) -> None:
        self.classes = list(classes)
        self._forbidden = torch.zeros(256, dtype=torch.bool)
        for name in unseen:
            check_choice('unseen', name, self.classes)
            self._forbidden[self.classes.index(name)] = True

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Check a batch."""
        for sample in data_batch['data_samples']:
            labels = sample.gt_sem_seg.data.cpu()
            wrong = self._forbidden[labels]
            if wrong.any():
                names = [self.classes[c] for c in labels[wrong].unique().tolist()]
                raise ValueError(
                    f'unseen class {", ".join(names)} occurs as a training label in '
                    f'{sample.metainfo.get("seg_map_path", sample.get("img_path"))}: '
                    'wrap the dataset in ZeroLabelDataset, or take the class out of '
                    '`unseen`'
                )
