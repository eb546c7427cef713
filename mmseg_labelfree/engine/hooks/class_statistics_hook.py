"""Hook that saves the class statistics of a segmentor."""

from mmseg.registry import HOOKS

from ...models.layers.class_statistics import ClassStatistics
from .module_entry_hook import ModuleEntryHook


@HOOKS.register_module()
class ClassStatisticsHook(ModuleEntryHook):
    """Hook that keeps the distributions of the classes in the checkpoints.

    The segmentor must have a
    :class:`~mmseg_labelfree.models.layers.ClassStatistics`, which keeps out of
    ``state_dict``. Checkpoints hold it under ``class_statistics``.

    Args:
        module: Name of the segmentor's child that it is.

    Raises:
        TypeError: The segmentor has no such child.
        ValueError: The checkpoint to resume has no statistics, or some of other sizes.

    Example:
        ``custom_hooks=[dict(type='ClassStatisticsHook')]``
    """

    entry = 'class_statistics'
    kind = ClassStatistics

    def __init__(self, module: str = 'class_statistics') -> None:
        super().__init__(module)
