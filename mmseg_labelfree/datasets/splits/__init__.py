"""Which classes and which images belong to which part of a task."""

from .class_tasks import TASKS, ClassTask, get_task
from .labeled_subsets import choose_labeled
from .novel_folds import FOLDS, get_fold
from .zero_label_splits import SPLITS, ZeroLabelSplit, get_split

__all__ = [
    'ClassTask',
    'FOLDS',
    'SPLITS',
    'TASKS',
    'ZeroLabelSplit',
    'choose_labeled',
    'get_fold',
    'get_split',
    'get_task',
]
