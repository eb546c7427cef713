"""Check of arguments that are one of a few names."""

from collections.abc import Collection
from typing import Any


def check_choice(name: str, value: Any, known: Collection) -> None:
    """Raise unless an argument is one of the values that it may have.

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
