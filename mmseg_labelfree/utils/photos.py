"""Photos as arrays of bytes, for what cannot do with others."""

import numpy as np

__all__ = ['to_bytes']


def to_bytes(image: np.ndarray, value_range: float = 255.0) -> np.ndarray:
    """Convert a gray or color image to 8 bits in three channels.

    Args:
        image: ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)``, any real dtype.
        value_range: Largest value of a pixel: 255 for 8 bits, 4095 for 12, 65535 for
            16, 1 for floats.

    Returns:
        uint8 ``(H, W, 3)``; ``image`` itself where it is that already.

    Raises:
        ValueError: The image has other channels, or exceeds the range.

    Example:
        >>> image = np.array([[0, 4095]], np.uint16)
        >>> to_bytes(image, value_range=4095)[..., 0].tolist()
        [[0, 255]]
    """
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f'an image of shape {image.shape} is neither gray nor color (1 or 3 '
            'channels): choose channels in the pipeline'
        )
    if image.dtype != np.uint8 or value_range != 255:
        low, high = float(image.min()), float(image.max())
        if low < 0 or high > value_range:
            raise ValueError(
                f'an image holds {low:g} to {high:g}, but its range is 0 to '
                f'{value_range:g}: scale it in the pipeline, or set value_range where '
                'there is such a setting'
            )
        image = np.round(image * (255 / value_range)).astype(np.uint8)
    return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
