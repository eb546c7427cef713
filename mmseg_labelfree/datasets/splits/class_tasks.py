"""Class-incremental tasks: which classes are learned at which step.

The table holds the tasks of the MiB paper (sections 6.2.3 to 6.2.5) and ``voc_10-1`` of
later papers. Classes are in the order of MMSegmentation's datasets, alphabetical for
VOC, by frequency for ADE20K, but for the authors' further orders b and c of ADE20K.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mmseg.datasets import (
    ADE20KDataset,
    BaseSegDataset,
    CityscapesDataset,
    PascalVOCDataset,
)

from .ade_orders import ADE_ORDERS

__all__ = ['TASKS', 'ClassTask', 'get_task']


@dataclass(frozen=True)
class ClassTask:
    """Classes of each step of a class-incremental task, without the background.

    Attributes:
        name: Name for logs and metainfo.
        steps: Class names of each step; step 0 is the base step.

    Raises:
        ValueError: For an empty step, or a class named twice.

    Example:
        >>> task = ClassTask('pets', (('dog', 'cat'), ('horse',)))
        >>> task.num_steps, task.old(1), task.new(1), task.future(0)
        (2, ('dog', 'cat'), ('horse',), ('horse',))
    """

    name: str
    steps: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f'task {self.name} has no step.')
        where: dict[str, int] = {}
        for step, classes in enumerate(self.steps):
            if not classes:
                raise ValueError(f'step {step} of task {self.name} has no class.')
            for name in classes:
                if name in where:
                    raise ValueError(
                        f'class {name!r} of task {self.name} is named twice, in step '
                        f'{where[name]} and in step {step}; a class is learned once.'
                    )
                where[name] = step

    @property
    def num_steps(self) -> int:
        """Number of steps, the base step included."""
        return len(self.steps)

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes in the order in which they are learned."""
        return sum(self.steps, ())

    def old(self, step: int) -> tuple[str, ...]:
        """Classes of the steps before ``step``."""
        self._check(step)
        return sum(self.steps[:step], ())

    def new(self, step: int) -> tuple[str, ...]:
        """Classes learned at ``step``."""
        self._check(step)
        return self.steps[step]

    def seen(self, step: int) -> tuple[str, ...]:
        """Classes known after ``step``: the old ones, then the new ones."""
        return self.old(step) + self.new(step)

    def future(self, step: int) -> tuple[str, ...]:
        """Classes of the steps after ``step``."""
        self._check(step)
        return sum(self.steps[step + 1 :], ())

    def _check(self, step: int) -> None:
        if not 0 <= step < self.num_steps:
            raise ValueError(
                f'step {step} is out of range: task {self.name} has steps 0 to '
                f'{self.num_steps - 1}.'
            )


def _regular(
    dataset: type[BaseSegDataset], first: int, rest: int, order: str | None = None
) -> Callable[[], tuple]:
    """Steps of ``first`` and then ``rest`` classes each, in the dataset's order.

    Args:
        dataset: Class of the dataset, which names the classes.
        first: Classes of step 0.
        rest: Classes of each later step.
        order: Key of ``ADE_ORDERS``; None for the dataset's order.
    """

    def steps() -> tuple[tuple[str, ...], ...]:
        names = [c for c in dataset.METAINFO['classes'] if c != 'background']
        every = range(1, len(names) + 1)
        labels: Sequence[int] = ADE_ORDERS[order] if order else every
        cuts = [0, *range(first, len(names) + 1, rest)]
        pairs = zip(cuts[:-1], cuts[1:], strict=True)
        return tuple(
            tuple(names[label - 1] for label in sorted(labels[a:b])) for a, b in pairs
        )

    return steps


def _non_driving() -> tuple[tuple[str, ...], ...]:
    new = ('building', 'wall', 'fence', 'vegetation', 'terrain', 'sky')
    names = CityscapesDataset.METAINFO['classes']
    return tuple(c for c in names if c not in new), new


TASKS: dict[str, Callable[[], tuple[tuple[str, ...], ...]]] = {
    'voc_19-1': _regular(PascalVOCDataset, 19, 1),
    'voc_15-5': _regular(PascalVOCDataset, 15, 5),
    'voc_15-1': _regular(PascalVOCDataset, 15, 1),
    'voc_10-1': _regular(PascalVOCDataset, 10, 1),
    'ade20k_100-50': _regular(ADE20KDataset, 100, 50),
    'ade20k_100-10': _regular(ADE20KDataset, 100, 10),
    'ade20k_50-50': _regular(ADE20KDataset, 50, 50),
    **{
        f'ade20k_{first}-{rest}{order}': _regular(ADE20KDataset, first, rest, order)
        for order in ADE_ORDERS
        for first, rest in ((100, 50), (100, 10), (50, 50))
    },
    # The first 13 and the first 11 of the 19 classes are those that the paper names.
    'cityscapes_vehicles': _regular(CityscapesDataset, 13, 6),
    'cityscapes_non-driving': _non_driving,
    'cityscapes_11-2': _regular(CityscapesDataset, 11, 2),
}


def get_task(
    task: str | Sequence[Sequence[str]] | ClassTask,
    class_order: int | Sequence[str] | None = None,
) -> ClassTask:
    """Look up a task by name, or make one from lists of class names.

    Args:
        task: A name of :data:`TASKS`, one list of class names per step, or a task.
        class_order: None for the order of the task; an integer seed for a random
            permutation of all its classes; or a list of all its class names. The
            sizes of the steps stay.

    Returns:
        The task, with classes in the wanted order.

    Raises:
        ValueError: For an unknown name, an empty step, a class named twice, or an
            order that is not a permutation of the classes.

    Example:
        >>> get_task('voc_15-1').new(5)
        ('tvmonitor',)
        >>> get_task([['dog', 'cat'], ['sheep']]).seen(1)
        ('dog', 'cat', 'sheep')
    """
    if isinstance(task, str):
        if task not in TASKS:
            raise ValueError(
                f'unknown task {task!r}; known tasks are {", ".join(TASKS)}. A task '
                'can also be given as one list of class names per step.'
            )
        task = ClassTask(task, TASKS[task]())
    elif not isinstance(task, ClassTask | Sequence):
        raise ValueError(
            f'task={task!r} is neither the name of a task nor one list of class names '
            'per step'
        )
    elif not isinstance(task, ClassTask):
        for step, names in enumerate(task):
            if isinstance(names, str) or not all(isinstance(n, str) for n in names):
                raise ValueError(
                    f'step {step} of the task must be a list of class names, but it is '
                    f'{names!r}.'
                )
        sizes = '-'.join(str(len(names)) for names in task)
        task = ClassTask(f'custom_{sizes}', tuple(tuple(names) for names in task))
    if class_order is None:
        return task
    names = task.classes
    if isinstance(class_order, int):
        shuffle = np.random.default_rng(class_order).permutation(len(names))
        order = [names[i] for i in shuffle]
    else:
        order = list(class_order)
        if sorted(order) != sorted(names):
            unknown = sorted(set(order) - set(names))
            close = [difflib.get_close_matches(n, names, n=1) for n in unknown]
            raise ValueError(
                f'class_order must name each of the {len(names)} classes of task '
                f'{task.name} once; missing: {sorted(set(names) - set(order))}, '
                f'unknown: {unknown} (close to {sum(close, [])}), named twice: '
                f'{sorted({n for n in order if order.count(n) > 1})}.'
            )
    remaining = iter(order)
    steps = tuple(tuple(next(remaining) for _ in step) for step in task.steps)
    return ClassTask(task.name, steps)
