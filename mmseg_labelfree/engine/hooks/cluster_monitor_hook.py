"""Hook that monitors the clusters of a segmentor that learns them."""

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...evaluation import clustering_metrics
from ...ops.collectives import num_processes, sum_over_processes
from ...utils.choices import check_range
from ...utils.distributed import bare_model
from ...utils.files import write_text
from ...visualization.cluster_history import write_cluster_history
from .checkpoint_entry_hook import CheckpointEntryHook


def check_clusters(clusters: float, classes: Sequence[str]) -> None:
    """Raise a ValueError if there are fewer clusters than classes to be found."""
    if clusters < len(classes):
        raise ValueError(
            f'{clusters} clusters cannot stand for the {len(classes)} classes of the '
            'training data: set model.decode_head.num_classes and the '
            f"metric's num_clusters to {len(classes)} or more"
        )


@HOOKS.register_module()
class ClusterMonitorHook(CheckpointEntryHook):
    """Hook that logs the sizes of the clusters and warns when clusters run empty.

    Every ``interval`` iterations the log gets ``clusters.empty``, the number of
    clusters that have won no pixel since the last time, and ``clusters.largest``, the
    largest share of the pixels. Clusters that have just run empty are named in a
    warning. After each validation the empty clusters on its images are added as
    ``empty_clusters``. ``clusters.json`` and ``clusters.png`` in the work dir hold
    all of it, with the scores after matching and the class frequencies of the
    ground truth. The history is saved with the checkpoints, as ``cluster_history``,
    with the pixels of an interval that is not over: resuming changes none of it.

    Metrics of the type ``ClusteringIoUMetric`` without ``save_matching`` and
    ``matching_file`` write their matching to ``matching.json`` beside the checkpoints.

    The segmentor must have ``cluster_counts``, as
    :class:`~mmseg_labelfree.models.segmentors.DiscriminativeClusteringSegmentor` has.

    Args:
        interval: Iterations between two looks at the sizes, each of which waits for
            the device.

    Raises:
        TypeError: The segmentor does not count its clusters.
        ValueError: It has fewer clusters than the training data has classes.

    Example:
        ``custom_hooks=[dict(type='ClusterMonitorHook', interval=50)]``
    """

    entry = 'cluster_history'
    # Before ClusterNamesHook, which makes classes of the clusters.
    priority = 'HIGHEST'

    def __init__(self, interval: int = 50) -> None:
        check_range(1, interval=interval)
        self.interval = interval
        self.history: dict[str, list] = dict(train=[], val=[])
        self.counts = torch.zeros(0, dtype=torch.int64)
        self._val: tuple[Tensor, ...] = ()
        self._position = 0

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not hasattr(model, 'cluster_counts'):
            raise TypeError(
                f'{type(model).__name__} has no cluster_counts: ClusterMonitorHook '
                "needs a segmentor such as 'DiscriminativeClusteringSegmentor'"
            )

    def before_train(self, runner: Runner) -> None:
        """Check the number of clusters; on resume, restore the history."""
        segmentor: Any = bare_model(runner.model)
        self.check_model(segmentor, runner.hooks)
        classes = runner.train_dataloader.dataset.metainfo.get('classes') or ()
        check_clusters(len(segmentor.cluster_counts), classes)
        self.counts = torch.zeros_like(segmentor.cluster_counts)
        super().before_train(runner)

    def contents(self, runner: Runner) -> dict[str, list]:
        """Return the history, and the pixels of each cluster since its last record."""
        return dict(self.history, counts=self.counts.tolist())

    def restore(self, runner: Runner, entry: dict[str, list]) -> None:
        """Continue the history."""
        self.history = {key: entry[key] for key in self.history}
        self.counts += self.counts.new_tensor(entry.get('counts', 0))

    def restore_nothing(self, runner: Runner) -> None:
        """Start a new history."""

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Add the pixels of all processes; log the sizes at the end of an interval."""
        segmentor: Any = bare_model(runner.model)
        # In each iteration, as a checkpoint is written by the first process alone.
        self.counts += sum_over_processes(segmentor.cluster_counts.clone())
        segmentor.cluster_counts.zero_()
        if not self.every_n_train_iters(runner, self.interval):
            return
        record = dict(iter=runner.iter + 1, **_sizes(self.counts))
        self.counts.zero_()
        self._warn(runner, record['shares'])
        self.history['train'].append(record)
        hub = runner.message_hub
        hub.update_scalar('train/clusters.empty', record['empty'])
        hub.update_scalar('train/clusters.largest', max(record['shares']))

    def before_val(self, runner: Runner) -> None:
        """Reset the counts; set the file that the matching is written to."""
        _save_matching(runner.val_loop.evaluator, runner.work_dir)
        segmentor: Any = bare_model(runner.model)
        num_classes = len(runner.val_dataloader.dataset.metainfo['classes'])
        counts = segmentor.cluster_counts.new_zeros
        self._val = counts(segmentor.num_classes), counts(num_classes)
        self._position = get_rank()

    def before_test(self, runner: Runner) -> None:
        """Set the file that the matching is written to."""
        _save_matching(runner.test_loop.evaluator, runner.work_dir)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Count the pixels of clusters and of classes."""
        clusters, classes = self._val
        for sample in outputs or ():
            position = self._position
            self._position += num_processes()
            if position >= len(runner.val_dataloader.dataset):
                continue  # an image that is repeated, so that processes have as many
            winners = sample.pred_sem_seg.data.flatten()
            labels = sample.gt_sem_seg.data.flatten()
            labels = labels[labels < len(classes)].to(winners.device)
            clusters += torch.bincount(winners, minlength=len(clusters))
            classes += torch.bincount(labels, minlength=len(classes))

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Append the scores to the history and write the files."""
        clusters, classes = (sum_over_processes(counts) for counts in self._val)
        record = dict(
            iter=runner.iter,
            **_sizes(clusters),
            truth=_sizes(classes)['shares'],
            metrics={k: float(v) for k, v in (metrics or {}).items()},
        )
        runner.message_hub.update_scalar('val/empty_clusters', record['empty'])
        self.history['val'].append(record)
        self._write(runner)

    def after_train(self, runner: Runner) -> None:
        """Write the files."""
        self._write(runner)

    def _warn(self, runner: Runner, shares: list[float]) -> None:
        past = self.history['train'][-1]['shares'] if self.history['train'] else None
        dead = [
            k
            for k, share in enumerate(shares)
            if share == 0 and (past is None or past[k] > 0)
        ]
        if dead:
            runner.logger.log(
                logging.WARNING,
                f'{len(dead)} of {len(shares)} clusters have won no pixel in the last '
                f'{self.interval} iterations: {dead}. If they stay empty, raise '
                'loss_weight of the balance loss',
            )

    def _write(self, runner: Runner) -> None:
        if is_main_process():
            folder = Path(runner.work_dir)
            write_text(folder / 'clusters.json', json.dumps(self.history) + '\n')
            write_cluster_history(folder / 'clusters.png', self.history)


def _sizes(counts: Tensor) -> dict[str, Any]:
    """Share of each cluster, nan where there is no pixel at all; how many have none."""
    values = counts.tolist()
    total = sum(values) or math.nan
    return dict(shares=[v / total for v in values], empty=values.count(0))


def _save_matching(evaluator: Evaluator, work_dir: str) -> None:
    for metric in clustering_metrics(evaluator):
        if metric.save_matching is None and metric.matching_file is None:
            metric.save_matching = str(Path(work_dir) / 'matching.json')
