"""Folds of novel class discovery: which classes have labels and which have none."""

from collections.abc import Mapping, Sequence

from mmseg.datasets import COCOStuffDataset, PascalVOCDataset

from .class_tasks import ClassTask, get_task

__all__ = ['FOLDS', 'get_fold']

NUM_FOLDS = 4


def _consecutive(name: str, classes: Sequence[str]) -> dict[str, ClassTask]:
    """Folds of consecutive novel classes."""
    size = len(classes) // NUM_FOLDS
    folds = {}
    for fold in range(NUM_FOLDS):
        novel = tuple(classes[fold * size : (fold + 1) * size])
        base = tuple(c for c in classes if c not in novel)
        folds[f'{name}_fold{fold}'] = ClassTask(f'{name}_fold{fold}', (base, novel))
    return folds


# The folds of EUMS (https://arxiv.org/abs/2112.01900, section 4.1). COCO-20i: the
# paper cites Nguyen and Todorovic, who take every fourth class as novel, but counts
# similar classes, person, bicycle and motorcycle, to one fold (section 4.4), and the
# authors' lists have the sizes of folds of consecutive classes.
FOLDS: dict[str, ClassTask] = {
    **_consecutive('pascal-5i', PascalVOCDataset.METAINFO['classes'][1:]),
    **_consecutive('coco-20i', COCOStuffDataset.METAINFO['classes'][:80]),
}


def get_fold(
    fold: str | Mapping[str, Sequence[str]] | Sequence[Sequence[str]] | ClassTask,
) -> ClassTask:
    """Look up a fold, or make one: a task of two steps, base and novel classes.

    Args:
        fold: A name of :data:`FOLDS`, 'pascal-5i_fold0' to 'pascal-5i_fold3' or
            'coco-20i_fold0' to 'coco-20i_fold3'; or ``dict(base=[...], novel=[...])``
            with names of classes, of which the dataset may have more (they are
            background); or a task of two steps.

    Raises:
        ValueError: An unknown name, a fold without base or novel classes, or a class
            that is named twice.

    Example:
        >>> get_fold('pascal-5i_fold0').new(1)
        ('aeroplane', 'bicycle', 'bird', 'boat', 'bottle')
    """
    if isinstance(fold, str):
        if fold not in FOLDS:
            raise ValueError(
                f'unknown fold {fold!r}; known folds are {", ".join(FOLDS)}. A fold '
                'can also be given as dict(base=[...], novel=[...]) of class names'
            )
        return FOLDS[fold]
    if not isinstance(fold, Mapping | Sequence | ClassTask):
        raise ValueError(
            f'fold={fold!r} is neither the name of a fold nor dict(base=[...], '
            'novel=[...])'
        )
    if isinstance(fold, Mapping):
        if set(fold) != {'base', 'novel'}:
            raise ValueError(
                'a fold is dict(base=[...], novel=[...]), but this one has '
                f'{list(fold)}'
            )
        fold = [fold['base'], fold['novel']]
    task = get_task(fold)
    if task.num_steps != 2:
        raise ValueError(
            f'a fold has base and novel classes, but {task.name} has {task.num_steps} '
            'lists of classes'
        )
    return task
