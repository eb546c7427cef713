"""The progress bar of work that takes a while."""

from collections.abc import Iterable
from typing import TypeVar

from mmengine.dist import is_main_process
from rich.console import Console
from rich.progress import track

T = TypeVar('T')


def tracked(items: Iterable[T], description: str, total: int) -> Iterable[T]:
    """The items, with a progress bar on the terminal of the first process.

    Args:
        items: What is worked on, or what the work gives.
        description: Text in front of the bar.
        total: Number of items.
    """
    return track(
        items,
        description=description,
        total=total,
        console=Console(stderr=True),
        transient=True,
        disable=not is_main_process(),
    )
