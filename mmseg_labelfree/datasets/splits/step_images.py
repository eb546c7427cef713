"""Which images belong to which step of a class-incremental task.

Pure NumPy on a table that says which class occurs in which image.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...utils.files import reading

__all__ = [
    'SETUPS',
    'check_image_list',
    'class_presence',
    'images_of_step',
    'partition',
    'read_image_list',
]

SETUPS = ('overlapped', 'disjoint', 'partition', 'joint')


def class_presence(
    counts: np.ndarray, raw_labels: np.ndarray, labels: Sequence[int]
) -> np.ndarray:
    """Compute which class occurs in which image.

    Args:
        counts: Pixel counts per raw value, shape ``(num_images, 256)``.
        raw_labels: Label of each raw value, shape ``(256,)``.
        labels: The label of each class asked for.

    Returns:
        bool array of shape ``(num_images, len(labels))``.
    """
    columns = [counts[:, raw_labels == label].any(1) for label in labels]
    return np.stack(columns, 1) if columns else np.zeros((len(counts), 0), bool)


def images_of_step(
    present: np.ndarray,
    step_of_class: np.ndarray,
    step: int,
    setup: str,
    seed: int | None = None,
    min_images: int = 50,
) -> np.ndarray:
    """Choose the training images of one step, as ascending indices.

    Args:
        present: Which class of the task is in which image, bool ``(N, C)``.
        step_of_class: Step in which each class is learned, int ``(C,)``.
        step: The step asked for.
        setup: ``'overlapped'``: images with a class of the step (MiB section 6.2.3).
            ``'disjoint'``: images with a class of the step and none of a later step,
            so that each image is in one step, the highest of its classes (same
            section). ``'partition'``: see :func:`partition` (section 6.2.4).
            ``'joint'``: images with a class of the step or of an earlier one, for
            offline training.
        seed: Seed of a drawn partition, None for the authors' rule.
        min_images: Images that a drawn partition keeps for each class, where possible.

    Raises:
        ValueError: For an unknown setup.
    """
    if setup == 'overlapped':
        chosen = present[:, step_of_class == step].any(1)
    elif setup == 'disjoint':
        chosen = np.where(present, step_of_class, -1).max(1, initial=-1) == step
    elif setup == 'partition':
        chosen = partition(present, step_of_class, seed, min_images) == step
    elif setup == 'joint':
        chosen = present[:, step_of_class <= step].any(1)
    else:
        raise ValueError(f'unknown setup {setup!r}; known are {", ".join(SETUPS)}.')
    return np.flatnonzero(chosen)


def partition(
    present: np.ndarray,
    step_of_class: np.ndarray,
    seed: int | None = None,
    min_images: int = 50,
) -> np.ndarray:
    """Choose one step for each image, among the steps that it holds classes of.

    MiB section 6.2.4 splits ADE20K "into disjoint image sets, without any constraint
    except ensuring a minimum number of images (i.e. 50)" for each class. The authors'
    rule, which made their published lists, is in a notebook of their code
    (fcdl94/MiB): images are visited once, class after class and within a class by
    index. A class c of an image, in n_c images and served s_c times so far, bids
    ``120 (1 - s_c / n_c) + (sum of n_k over the image's classes k) / n_c``; the step
    of the highest bid gets the image (ties: the lowest class), and each class of the
    image that belongs to this step is served once more. Nothing is drawn, and no
    minimum is enforced.

    Given a seed, the partition is drawn: the classes are served from the rarest to
    the most common, and each takes images for its own step, in random order and among
    those still free, until its step holds ``min_images`` images of it (those that
    other classes of the step took count too). The images left over are drawn uniformly
    among their steps. A class in at least ``min_images * num_classes`` images always
    gets its share, a rarer one all that the classes before it left.

    Args:
        present: Which class is in which image, bool ``(N, C)``; for the authors' rule
            the classes are in the order of the dataset, whatever that of the task.
        step_of_class: Step of each class, int ``(C,)``.
        seed: Seed of a drawn partition, the same for all steps. Defaults to None, the
            authors' rule.
        min_images: Images that a drawn partition keeps for each class, if possible.

    Returns:
        int64 array ``(N,)``: step of each image, -1 for images without any class.

    Example:
        >>> present = np.array([[1, 0], [1, 1], [1, 1], [0, 0]], bool)
        >>> partition(present, np.array([0, 1])).tolist()
        [0, 1, 0, -1]
    """
    if seed is None:
        return _partition_by_bids(present, step_of_class)
    return _drawn_partition(present, step_of_class, seed, min_images)


def _partition_by_bids(present: np.ndarray, step_of_class: np.ndarray) -> np.ndarray:
    total = present.sum(0)
    served = np.zeros_like(total)
    chosen = np.full(len(present), -1)
    images = np.flatnonzero(present.any(1))
    first_class = present[images].argmax(1)
    for i in images[np.argsort(first_class, kind='stable')]:
        own = np.flatnonzero(present[i])
        number = total[own]
        bids = 120 * (1 - served[own] / number) + number.sum() / number
        chosen[i] = step_of_class[own[bids.argmax()]]
        served[own[step_of_class[own] == chosen[i]]] += 1
    return chosen


def _drawn_partition(
    present: np.ndarray, step_of_class: np.ndarray, seed: int, min_images: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(present))
    steps = np.arange(step_of_class.max(initial=0) + 1)
    has_step = np.stack([present[:, step_of_class == s].any(1) for s in steps], 1)
    chosen = np.full(len(present), -1)
    for c in np.argsort(present.sum(0), kind='stable'):
        holders = order[present[order, c]]
        owners = chosen[holders]
        missing = max(min_images - int((owners == step_of_class[c]).sum()), 0)
        chosen[holders[owners == -1][:missing]] = step_of_class[c]
    free = (chosen == -1) & has_step.any(1)
    draw = np.where(has_step[free], rng.random((int(free.sum()), len(steps))), -1)
    chosen[free] = draw.argmax(1)
    return chosen


def check_image_list(
    path: str | os.PathLike,
    indices: np.ndarray,
    present: np.ndarray,
    step_of_class: np.ndarray,
    step: int,
    names: Sequence[str],
    disjoint: bool = False,
) -> None:
    """Raise a ValueError if a list of images cannot be that of a step.

    A list of indices says nothing about the order that it was made for, so it must fit
    the images without exception; of a list of names half must.

    Args:
        path: The file.
        indices: Its images, see :func:`read_image_list`.
        present: Which class of the task is in which image, bool ``(N, C)``.
        step_of_class: Step in which each class is learned, int ``(C,)``.
        step: The step of the list.
        names: Image names of the dataset.
        disjoint: Whether an image of the step must hold no class of a later one.
    """
    by_index = Path(path).suffix == '.npy'
    wrong = ~present[indices][:, step_of_class == step].any(1)
    problem = f'hold no class of step {step}'
    if by_index and disjoint and not wrong.any():
        wrong = present[indices][:, step_of_class > step].any(1)
        problem = f'hold a class of a later step than {step}'
    allowed = 0 if by_index else len(indices) / 2
    if wrong.sum() > allowed:
        order = (
            'its indices are for another order of the images (data/README.md: lists '
            'of the authors)'
            if by_index
            else 'it was made for other classes or other images'
        )
        raise ValueError(
            f'{int(wrong.sum())} of the {len(indices)} images of {path} {problem}, '
            f'first {names[indices[wrong.argmax()]]}: {order}'
        )


def read_image_list(path: str | os.PathLike, names: Sequence[str]) -> np.ndarray:
    """Read the images of one step from a file.

    Args:
        path: ``.npy`` with indices into the dataset, as MiB's authors ship, or text
            with one image per line. An image is named by its path below the image
            folder or, where only one image has it, by its file name, with or without
            ending. What follows a name on its line, such as a mask, does not count.
        names: Image names of the dataset, in its order, without ending.

    Returns:
        int64 array of indices, ascending.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: For an index or a name that the dataset does not have, a file name
            that two images have, or a file that is damaged; names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'image list {path} does not exist.')
    if path.suffix == '.npy':
        return _read_indices(path, len(names))
    with reading(path, 'make the list again'):
        lines = path.read_text(encoding='utf-8-sig').split('\n')
    index = _by_name(names)
    indices, unknown = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = next((index[s] for s in _spellings(line) if s in index), None)
        if found is None:
            unknown.append(f'{line.split()[0]} (line {number})')
        elif len(found) > 1:
            raise ValueError(
                f'image list {path}, line {number}: {line.strip()} may be '
                f'{names[found[0]]} or {names[found[1]]}; name images by their paths '
                'below the image folder'
            )
        else:
            indices.append(found[0])
    if unknown:
        raise ValueError(
            f'image list {path} names {len(unknown)} images that the dataset does not '
            f'have, first {", ".join(unknown[:3])}.'
        )
    return np.unique(np.array(indices, np.int64))


def _read_indices(path: Path, num_images: int) -> np.ndarray:
    with reading(path, 'put the list of the task in its place'):
        indices = np.load(path, allow_pickle=False).astype(np.int64).ravel()
    outside = indices[(indices < 0) | (indices >= num_images)]
    if len(outside):
        raise ValueError(
            f'image list {path} holds index {outside[0]}, but the dataset has '
            f'{num_images} images; the list belongs to another dataset.'
        )
    return np.unique(indices)


def _by_name(names: Sequence[str]) -> dict[str, list[int]]:
    """Images by file name, several where folders share it, and by whole name."""
    index: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        index.setdefault(Path(name).name, []).append(i)
    return index | {name: [i] for i, name in enumerate(names)}


def _spellings(line: str) -> Iterator[str]:
    """Names that a line may mean, the most literal first; names may hold blanks."""
    for text in dict.fromkeys((line.rstrip('\r'), line.strip(), line.split()[0])):
        name = os.path.basename(text)
        yield from (text, os.path.splitext(text)[0], name, os.path.splitext(name)[0])
