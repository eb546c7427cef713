"""Label maps as tables of 256 entries: pure NumPy, one look-up per array."""

from collections.abc import Mapping

import numpy as np

__all__ = [
    'IGNORE',
    'INVALID',
    'UNLABELED',
    'apply_table',
    'loaded_labels',
    'lookup_table',
]

# Label of pixels that nobody labeled although they belong to a class, as most do under
# points and scribbles. A table passes it on if its entry 254 says so.
UNLABELED = 254
# Label of pixels that count for nothing: void, padding.
IGNORE = 255
# Table entry of a label that must not occur.
INVALID = -1


def lookup_table(mapping: Mapping[int, int], default: int = INVALID) -> np.ndarray:
    """Turn a mapping of label values into a table for whole-array look-up.

    Args:
        mapping: New value of each old value; old values are 0 to 255, new values are
            0 to 255 or ``INVALID`` (-1) for a value that must not occur.
        default: New value of every old value that ``mapping`` lacks.

    Returns:
        int16 array of shape ``(256,)``.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> lookup_table({0: 0, 7: 1, 255: 255})[[0, 7, 255, 9]].tolist()
        [0, 1, 255, -1]
    """
    for old, new in mapping.items():
        if not 0 <= old <= 255 or not INVALID <= new <= 255:
            raise ValueError(
                f'label map entry {old}: {new} is out of range; old values are 0 to '
                '255, new values -1 (must not occur) to 255.'
            )
    table = np.full(256, default, np.int16)
    table[list(mapping)] = list(mapping.values())
    return table


def loaded_labels(
    reduce_zero_label: bool = False, label_map: Mapping[int, int] | None = None
) -> np.ndarray:
    """Compute what ``LoadAnnotations`` makes of each value in a mask file.

    It first removes label 0 (``reduce_zero_label``: 0 becomes 255, ``v`` becomes
    ``v - 1``, 255 stays), then applies ``label_map``; values without an entry stay.

    Args:
        reduce_zero_label: The dataset's setting of this name.
        label_map: The dataset's ``label_map``, from labels to labels, or None.

    Returns:
        int16 array of shape ``(256,)``: label of each raw value, 255 = void.

    Example:
        >>> loaded_labels(reduce_zero_label=True, label_map={1: 7})[:4].tolist()
        [255, 0, 7, 2]
    """
    labels = np.arange(256, dtype=np.int16)
    if reduce_zero_label:
        labels = np.where((labels == 0) | (labels == 255), 255, labels - 1)
    mapped = np.arange(256, dtype=np.int16)
    for old, new in (label_map or {}).items():
        mapped[old] = new
    return mapped[labels]


def apply_table(labels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Map every label of an array through a table of 256 entries.

    Args:
        labels: Integer array of any shape with values 0 to 255.
        table: Output of :func:`lookup_table`, shape ``(256,)``.

    Returns:
        uint8 array of the shape of ``labels``.

    Raises:
        ValueError: If ``labels`` holds a value outside 0 to 255 or one that the table
            marks with ``INVALID``. The message lists the values.

    Example:
        >>> table = lookup_table({0: 0, 7: 1, 255: 255})
        >>> apply_table(np.array([[7, 0], [255, 7]]), table).tolist()
        [[1, 0], [255, 1]]
    """
    if labels.dtype == np.uint8:
        mapped = table[labels]
        wrong = mapped < 0
    else:
        outside = (labels < 0) | (labels > 255)
        mapped = table[np.where(outside, 0, labels)]
        wrong = outside | (mapped < 0)
    if wrong.any():
        values = np.unique(labels[wrong]).tolist()
        raise ValueError(f'label values {values} must not occur here')
    return mapped.astype(np.uint8)
