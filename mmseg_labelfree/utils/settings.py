"""Settings as plain values, and where two of them differ."""

import json
from collections.abc import Mapping
from typing import Any


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON gives them back: tuples as lists, other objects as text."""
    return json.loads(json.dumps(settings, default=str))


def differing_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say in which settings ``new`` differs from ``old``.

    Args:
        old: Nested dictionaries of :func:`plain_settings`.
        new: Likewise.

    Returns:
        A text for each setting that differs, with dots between the nested keys.

    Example:
        >>> differing_settings(dict(a=dict(b=1), c=2), dict(a=dict(b=3), c=2))
        ['a.b was 1, is 3']
    """
    lines = []
    for key in [*old, *(key for key in new if key not in old)]:
        if key not in new:
            lines.append(f'{key} was {old[key]!r}, is not set')
        elif key not in old:
            lines.append(f'{key} was not set, is {new[key]!r}')
        elif isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            nested = differing_settings(old[key], new[key])
            lines += [f'{key}.{line}' for line in nested]
        elif old[key] != new[key]:
            lines.append(f'{key} was {old[key]!r}, is {new[key]!r}')
    return lines
