"""Test of a stage's checkpoint, in a folder of its own."""

import time
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ...evaluation.clustering_iou_metric import clustering_metrics
from ...utils.checkpoint_fit import check_fit
from ...utils.distributed import bare_model
from ...utils.origin import run_origin
from ...visualization.reports import print_table, write_results
from ..loops.scored import scored_by
from ..stage_runner import StageRunner
from .base import Protocol, Stage
from .model_check import located

__all__ = ['score_stage']


def score_stage(stage: Stage, protocol: Protocol) -> dict[str, float]:
    """Test the checkpoint ``load_from`` of a stage's config, if it is one of its model.

    ``results.json`` and ``results.md`` in its ``work_dir`` say what the scores are of:
    checkpoint, student or teacher, dense CRF, test-time augmentation, images.

    Args:
        stage: The stage, with the checkpoint and a ``work_dir`` for this test alone.
        protocol: The protocol that it is of, for the columns of the table.

    Returns:
        The metrics.

    Raises:
        FileNotFoundError: There is no file of a matching that a metric names.
        ValueError: The checkpoint, or the matching, does not fit, see ``check_fit``.
    """
    cfg = stage.cfg
    started = time.monotonic()
    with located('the test'):
        runner = StageRunner.from_cfg(cfg)
    runner.register_hook(_FitCheck(cfg), 'VERY_HIGH')
    metrics = {name: float(value) for name, value in runner.test().items()}
    result = dict(
        metrics=metrics,
        seconds=round(time.monotonic() - started, 1),
        checkpoint=cfg.load_from,
        scored=scored_by(runner, runner.test_loop),
        made_by=run_origin(),
    )
    if is_main_process():
        title = f'Test of {cfg.load_from}'
        columns = protocol.table_columns([metrics])
        write_results(cfg.work_dir, {stage.name: result}, columns, title)
        print_table({stage.name: result}, columns)
    return metrics


class _FitCheck(Hook):
    """Hook that refuses a checkpoint, or a matching, of another model or classes."""

    def __init__(self, cfg: Config) -> None:
        self.filename = cfg.load_from

    def after_load_checkpoint(self, runner: StageRunner, checkpoint: dict) -> None:
        model: Any = bare_model(runner.model)
        dataset = runner.test_dataloader.dataset
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        check_fit(model, classes, checkpoint, self.filename)
        for metric in clustering_metrics(runner.test_loop.evaluator):
            metric.check_matching()
