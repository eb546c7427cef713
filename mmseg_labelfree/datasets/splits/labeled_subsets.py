"""Which images of a dataset are labeled, in experiments with few labels."""

import numpy as np

__all__ = ['choose_labeled']


def choose_labeled(
    num_images: int,
    num_labeled: int,
    seed: int = 0,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the images that keep their labels.

    A smaller draw with the same seed and data is part of a larger one, so that curves
    over the number of labels compare like with like.

    Args:
        num_images: Images in the dataset.
        num_labeled: Images to draw.
        seed: Seed of the draw.
        present: For a balanced draw, bool ``(num_images, num_classes)``: classes of
            each image. Again and again, an image is drawn that holds the class seen
            in the fewest images so far (the rarer one in the dataset if there are
            several), until there are enough. Without it, all are equally likely.

    Returns:
        int64 array ``(num_labeled,)``, ascending.

    Raises:
        ValueError: ``num_labeled`` is not 1 to ``num_images``.
    """
    if not 0 < num_labeled <= num_images:
        raise ValueError(
            f'cannot choose {num_labeled} labeled images from {num_images}: give a '
            f'number of 1 to {num_images}, or a ratio above 0 and at most 1'
        )
    order = np.random.default_rng(seed).permutation(num_images)
    if present is None:
        return np.sort(order[:num_labeled])
    present = np.asarray(present, bool)[order]
    free = np.ones(num_images, bool)
    seen = np.zeros(present.shape[1], np.int64)
    left = present.sum(0)
    chosen = []
    for _ in range(num_labeled):
        candidates = free
        if left.any():
            rarest = np.lexsort((left, seen, left == 0))[0]
            candidates = free & present[:, rarest]
        image = int(candidates.argmax())
        free[image] = False
        seen += present[image]
        left -= present[image]
        chosen.append(order[image])
    return np.sort(np.array(chosen, np.int64))
