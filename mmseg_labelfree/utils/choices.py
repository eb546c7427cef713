"""Checks of arguments: one of a few values, a number of a range, a size, known keys."""

import math
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any


def check_choice(name: str, value: Any, known: Collection) -> None:
    """Raise a ValueError unless an argument is one of the values that it may have.

    Args:
        name: Name of the argument.
        value: What it was set to.
        known: The values that it may have.

    Raises:
        ValueError: It is none of these; the message lists them.
    """
    if value not in known:
        raise ValueError(
            f'{name}={value!r} is unknown; use one of {", ".join(map(repr, known))}'
        )


def check_keys(name: str, settings: Mapping | None, known: Collection[str]) -> None:
    """Raise a ValueError if settings have a key that nothing reads.

    Args:
        name: Name of the settings.
        settings: The settings; None for none.
        known: The keys that they may have.

    Raises:
        ValueError: A key is unknown; names it and one that is written alike.
    """
    for key in settings or ():
        if key not in known:
            alike = get_close_matches(key, known, 1)
            raise ValueError(
                f'{name}.{key} is read by nothing: '
                + (f'{alike[0]} is meant?' if alike else f'use {", ".join(known)}')
            )


def check_names(**values: Any) -> None:
    """Raise a ValueError if a list of names was given as one text.

    A text is a sequence of letters, so that Python takes it for a list of these.

    Args:
        **values: What the arguments were set to; None for none.

    Raises:
        ValueError: One is a text, or no collection; the message shows the list.

    Example:
        >>> check_names(negatives=['labeled'])
        >>> try:
        ...     check_names(negatives='labeled')
        ... except ValueError as error:
        ...     print(error)
        negatives='labeled' must be a list of names: write ['labeled']
    """
    for name, value in values.items():
        if (
            value is None
            or isinstance(value, Collection)
            and not isinstance(value, str)
        ):
            continue
        advice = f': write [{value!r}]' if isinstance(value, str) else ''
        raise ValueError(f'{name}={value!r} must be a list of names{advice}')


def check_settings(**values: Any) -> None:
    """Raise a ValueError if an argument that takes settings got something else.

    Args:
        **values: What the arguments were set to; None for none.

    Raises:
        ValueError: One is no dict.

    Example:
        >>> check_settings(next_steps=dict(train_cfg=dict(max_iters=100)))
        >>> try:
        ...     check_settings(next_steps=100)
        ... except ValueError as error:
        ...     print(error)
        next_steps=100 must be a dict of settings, as in next_steps.key=100
    """
    for name, value in values.items():
        if value is not None and not isinstance(value, Mapping):
            raise ValueError(
                f'{name}={value!r} must be a dict of settings, as in {name}.key={value}'
            )


def check_pair(name: str, value: Any) -> None:
    """Raise a ValueError unless a setting is a height and a width, in pixels.

    Args:
        name: Name of the setting.
        value: What it was set to.

    Raises:
        ValueError: It is no pair of integers above 0.

    Example:
        >>> check_pair('crop_size', (96, 128))
        >>> try:
        ...     check_pair('crop_size', 96)
        ... except ValueError as error:
        ...     print(error)
        crop_size=96 must be (height, width) in pixels
    """
    pair = isinstance(value, Sequence) and len(value) == 2
    if not pair or not all(isinstance(side, int) and side > 0 for side in value):
        raise ValueError(f'{name}={value!r} must be (height, width) in pixels')


def check_margins(**values: Any) -> None:
    """Raise a ValueError unless settings are pairs of numbers that are not negative.

    Example:
        >>> check_margins(ignore_rows=(15, 120))
    """
    for name, value in values.items():
        if not isinstance(value, Sequence) or len(value) != 2 or min(value) < 0:
            raise ValueError(f'{name}={value!r} must be two numbers of at least 0')


def check_range(
    low: float,
    high: float = math.inf,
    /,
    *,
    above: bool = False,
    below: bool = False,
    **values: Any,
) -> None:
    """Raise a ValueError unless arguments are numbers of a range.

    Args:
        low: Least value.
        high: Largest value. Defaults to any finite one.
        above: Whether ``low`` itself is out of the range.
        below: Whether ``high`` itself is.
        **values: What the arguments were set to.

    Raises:
        ValueError: One is out of the range, NaN, infinite, or no number.

    Example:
        >>> check_range(0, 1, momentum=0.9, threshold=0.95)
        >>> try:
        ...     check_range(0, 1, threshold=95)
        ... except ValueError as error:
        ...     print(error)
        threshold=95 must be a number of at least 0 and at most 1
    """
    for name, value in values.items():
        fits = isinstance(value, int | float) and (
            (low < value if above else low <= value)
            and (value < high if below or high == math.inf else value <= high)
        )
        if not fits:
            begin = 'above' if above else 'of at least'
            raise ValueError(
                f'{name}={value!r} must be a number {begin} {low}{_end(high, below)}'
            )


def _end(high: float, below: bool) -> str:
    if high == math.inf:
        return ''
    return f' and {"below" if below else "at most"} {high}'
