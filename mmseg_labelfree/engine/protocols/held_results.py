"""What the folders of stages hold, and whether a run may go on with it."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from ...utils.checkpoint import CONFIG, MARKER, training_checkpoint
from ...utils.files import reading
from .base import Stage
from .results_read import built_on
from .same_stage import check_same_stage

__all__ = ['check_begun', 'check_earlier', 'check_later', 'read_finished']


def read_finished(stage: Stage, resume: bool) -> dict | None:
    """Read ``finished.json`` of a stage; None if it is not finished.

    Args:
        stage: The stage.
        resume: Whether a damaged file is worth a warning alone, as it is made again.

    Raises:
        ValueError: The file is damaged.
    """
    marker = Path(stage.cfg.work_dir) / MARKER
    if not marker.is_file():
        return None
    try:
        with reading(marker, '--resume makes it again'):
            content = json.loads(marker.read_text(encoding='utf-8'))
            if content.get('iterations') == 0:
                raise ValueError('the stage ended before its first iteration')
            return {key: content[key] for key in ('metrics', 'seconds')} | content
    except ValueError as error:
        if not resume:
            raise
        warnings.warn(str(error), stacklevel=2)
        return None


def check_begun(wanted: Sequence[Stage], resume: bool) -> None:
    """Refuse to redo what stages have come to, or to continue what is of others.

    Raises:
        FileExistsError: There are results, and ``resume`` is False.
        ValueError: They are of other settings, see :func:`check_same_stage`.
    """
    for stage in wanted:
        held = _held(stage, resume)
        if held and not resume:
            raise FileExistsError(
                f'{stage.cfg.work_dir} holds {held}: add --resume to go on after it, '
                'choose another --work-dir, or delete the folder'
            )
        if resume and (held or stage.is_job):
            check_same_stage(stage)


def check_later(wanted: Sequence[Stage], stages: Sequence[Stage], resume: bool) -> None:
    """Refuse to make from the start what results that are there are built on.

    A job whose config is there goes on with what it has made.

    Raises:
        FileNotFoundError: Names the folders.
    """
    for stage in wanted:
        folder = Path(stage.cfg.work_dir)
        if _held(stage, resume) or (stage.is_job and (folder / CONFIG).is_file()):
            continue
        later = [s.cfg.work_dir for s in built_on(stage, stages) if _held(s, resume)]
        if later:
            raise FileNotFoundError(
                f'{later[0]} is built on results of {stage.name} that {folder} does '
                'not hold (any more): put them back, choose another --work-dir, or '
                f'delete {", ".join(later)}'
            )


def check_earlier(first: Stage, stages: Sequence[Stage], resume: bool) -> None:
    """Refuse to start from an unfinished stage, which may have a checkpoint too.

    Raises:
        FileNotFoundError: Names the stage to run before.
    """
    for stage in stages[: stages.index(first)]:
        if read_finished(stage, resume) is None:
            raise FileNotFoundError(
                f'{stage.cfg.work_dir} is not finished, and {first.name} builds '
                f'on it: run --stage {stage.name} first (with --resume, if it was '
                'interrupted), or the protocol without --stage'
            )


def _held(stage: Stage, resume: bool) -> str | None:
    """What results of a stage there are, in words; None if there are none.

    A training that has not come to its first checkpoint has none.
    """
    if read_finished(stage, resume):
        return 'finished results'
    checkpoint = training_checkpoint(stage.cfg.work_dir)
    return f'{checkpoint.name} of an unfinished run' if checkpoint else None
