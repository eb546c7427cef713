"""Check of the lists of images that earlier stages have written."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...utils.checkpoint import MARKER
from ...utils.files import reading
from .base import Stage
from .config_edit import find_nodes

__all__ = ['check_lists']

# Name of a list -> metric of its stage that is its length.
LENGTHS = {'images.txt': 'images_used', 'clean.txt': 'clean', 'unclean.txt': 'unclean'}


def check_lists(stages: Sequence[Stage]) -> None:
    """Raise if a list of images is not as long as the stage that wrote it says.

    One that was cut at the end of a line reads well.

    Args:
        stages: Stages that read lists. Those that they write themselves, as they run
            again, are left out.

    Raises:
        ValueError: A list is damaged; names it.
    """
    folders = [Path(stage.cfg.work_dir) for stage in stages]
    for stage in stages:
        for node in find_nodes(stage.cfg):
            path = Path(node.get('image_list') or '')
            if path.name in LENGTHS and path.parent not in folders:
                _check_length(path, path.with_name(MARKER))


def _check_length(path: Path, marker: Path) -> None:
    """Compare a list with the metrics of its stage, if both are there."""
    if not (path.is_file() and marker.is_file()):
        return
    remedy = '--resume makes it again'
    with reading(marker, remedy):
        metrics = json.loads(marker.read_text(encoding='utf-8'))['metrics']
        length = metrics.get(LENGTHS[path.name])
    with reading(path, f'delete {marker}, and {remedy}'):
        found = path.read_text(encoding='utf-8').count('\n')
        if length not in (None, found):
            raise ValueError(f'it has {found} lines, not {length:.0f}')
