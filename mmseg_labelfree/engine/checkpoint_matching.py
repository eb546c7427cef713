"""Which matching of clusters with classes a test scores by."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..evaluation.matching_file import write_matching
from ..utils.checkpoint import load_checkpoint
from ..utils.cluster_names import matched_classes
from ..utils.console import say
from ..utils.distributed import in_first_process
from ..utils.test_options import scored_metrics
from .protocols.cluster_training import MATCHING

__all__ = ['use_matching_of_checkpoint']


def use_matching_of_checkpoint(cfg: Config, stage_folder: str) -> None:
    """Score by the matching of the checkpoint, whatever run that is of.

    Metrics that read the file of the stage get, for its checkpoint, the matching that
    is stored in it, or else the file beside it. Where there is neither, the clusters
    are matched on the images of the test, which one line says. ``matching.json`` in the
    folder of the test holds a matching that no other file has. A file that was chosen
    by hand stays.

    Args:
        cfg: Config of a stage, with the checkpoint as ``load_from`` and the folder of
            the test as ``work_dir``.
        stage_folder: Work dir of the stage.

    Raises:
        ValueError: The checkpoint is damaged.
    """
    places = stage_folder, Path(cfg.filename or '').parent
    own = [Path(place, MATCHING).resolve() for place in places]
    for metric in scored_metrics(cfg):
        file = metric.get('matching_file')
        if file is not None and Path(file).resolve() in own:
            _set_matching(metric, cfg)


def _set_matching(metric: dict[str, Any], cfg: Config) -> None:
    new = Path(cfg.work_dir, MATCHING)
    num_old_classes = metric.get('num_old_classes', 0)
    metric['matching_file'] = in_first_process(
        lambda: _matching_file(num_old_classes, cfg.load_from, new)
    )
    if metric['matching_file'] is None:
        metric['save_matching'] = str(new)
        say(
            f'No validation has matched the clusters of {cfg.load_from}: they are '
            'matched on the images of this test'
        )


def _matching_file(num_old_classes: int, checkpoint: str, new: Path) -> str | None:
    """The file of a checkpoint's matching; written to ``new`` if it is stored in it."""
    meta = load_checkpoint(checkpoint)[0].get('meta') or {}
    matched = matched_classes(meta, num_old_classes)
    if matched is not None:
        write_matching(new, matched, num_old_classes=num_old_classes)
        return str(new)
    beside = Path(checkpoint).with_name(MATCHING)
    return str(beside) if beside.is_file() else None
