"""Editing of pipelines that are already built."""

import copy
from collections.abc import Callable
from typing import Any

__all__ = ['edit_pipeline', 'transforms_of']


def edit_pipeline(pipeline: Any, edit: Callable[[Any], list]) -> Any:
    """Copy a built pipeline with each transform replaced by what ``edit`` gives.

    Nested lists of transforms (``Compose``, ``RandomChoice``, ``TestTimeAug``) are
    searched too. The given pipeline is left as it was.

    Args:
        pipeline: ``mmengine.dataset.Compose`` or another built transform.
        edit: Called with each transform inside; returns the transforms to put in its
            place, ``[transform]`` for no change and ``[]`` to leave it out.

    Returns:
        The new pipeline; transforms that did not change are shared with the old one.
    """

    def convert(node: Any) -> Any:
        if isinstance(node, list | tuple):
            return [
                new
                for item in node
                for new in ([convert(item)] if _is_list(item) else edit(convert(item)))
            ]
        for name in ('transforms', 'subroutines'):
            if hasattr(node, name):
                node = copy.copy(node)
                setattr(node, name, convert(getattr(node, name)))
        return node

    return convert(pipeline)


def _is_list(item: Any) -> bool:
    return isinstance(item, list | tuple)


def transforms_of(pipeline: Any) -> list:
    """List the transforms of a built pipeline, those of nested lists too."""
    found: list = []

    def note(transform: Any) -> list:
        found.append(transform)
        return [transform]

    edit_pipeline(pipeline, note)
    return found
