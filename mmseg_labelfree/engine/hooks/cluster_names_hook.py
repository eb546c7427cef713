"""Hook that tells clusters from classes in checkpoints, pictures and masks."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmengine.structures import PixelData
from mmseg.registry import HOOKS

from ...evaluation import clustering_metrics
from ...utils.cluster_names import (
    DATA_META,
    describe_outputs,
    name_clusters,
    store_output_meta,
)
from ...utils.distributed import bare_model


@HOOKS.register_module()
class ClusterNamesHook(Hook):
    """Hook that calls clusters by the classes they stand for, or ``cluster_0``, ...

    Output k of a model with clusters is not class k. In each checkpoint,
    ``dataset_meta``, from which MMSegmentation's ``inference_model`` and
    ``MMSegInferencer`` take names and colors, calls the clusters ``cluster_0`` and so
    on. When its weights are validated, their matching is stored in it: a matched
    cluster then has name and color of its class. What the training data says about
    itself is ``data_meta`` beside it.

    Tests apply the stored matching to their pictures, where clusters without a
    class have a name and a color of their own, and to the masks that a
    ``ClusteringIoUMetric`` writes. Scores are those of the metric's matching, as ever.

    Args:
        num_old_classes: Outputs before the clusters, which are the first classes.
            Defaults to 0: all outputs are clusters.

    Example:
        ``custom_hooks=[dict(type='ClusterNamesHook')]``
    """

    # After ClusterMonitorHook, which counts clusters, and before all others.
    priority = 1

    def __init__(self, num_old_classes: int = 0) -> None:
        self.num_old_classes = num_old_classes
        self.outputs: dict[str, Any] | None = None
        """Names and colors of the outputs of the present weights, if validated."""
        self.unnamed: str | None = None
        """The checkpoint of the present weights, if there is one."""
        self.labels = torch.zeros(0, dtype=torch.int64)
        """Label of each output in pictures."""

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Forget the names, as the weights change."""
        self.outputs = self.unnamed = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Describe the outputs, by their classes if these weights were validated."""
        data = checkpoint['meta'].get('dataset_meta')
        describe_outputs(checkpoint, self.outputs or self._clusters(runner, data))
        self.unnamed = runner.message_hub.get_info('last_ckpt')

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the names; others see what the checkpoint's training data was."""
        self.outputs = self.unnamed = None
        meta = checkpoint.get('meta', {})
        if DATA_META in meta:
            self.outputs = meta['dataset_meta']
            meta['dataset_meta'] = meta.pop(DATA_META)

    def before_val_epoch(self, runner: Runner) -> None:
        """Make room for clusters without a class in pictures."""
        self._label(runner, runner.val_loop)

    def before_test_epoch(self, runner: Runner) -> None:
        """Apply the matching of the checkpoint to pictures and masks."""
        named = self._label(runner, runner.test_loop)[self.num_old_classes :]
        for metric in clustering_metrics(runner.test_loop.evaluator):
            metric.stored = named if any(named) else None
            if metric.output_dir and not any(named) and metric.matching_file is None:
                runner.logger.warning(
                    'the checkpoint stores no matching: the masks in '
                    f'{metric.output_dir} hold numbers of clusters, not of classes'
                )

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Give the predictions, which metrics have counted, the labels of pictures."""
        for sample in outputs or ():
            clusters = sample.pred_sem_seg.data
            labels = self.labels.to(clusters.device)[clusters.long()]
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels)))

    after_test_iter = after_val_iter

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Store the matching in the checkpoint of the weights that were validated."""
        for metric in clustering_metrics(runner.val_loop.evaluator):
            self.outputs = metric.output_meta or self.outputs
        if self.outputs is not None and self.unnamed is not None:
            store_output_meta(self.unnamed, self.outputs)

    def _clusters(self, runner: Runner, data: dict | None) -> dict[str, Any]:
        """Describe the outputs as clusters without classes."""
        model: Any = bare_model(runner.model)
        model = getattr(model, 'module', model)  # of test-time augmentation
        clusters = model.num_classes - self.num_old_classes
        return name_clusters(data, clusters, self.num_old_classes)

    def _label(self, runner: Runner, loop: BaseLoop) -> list[str | None]:
        """Set the labels of the pictures; return the outputs' classes."""
        data = loop.dataloader.dataset.metainfo
        outputs = self.outputs or self._clusters(runner, data)
        known = list(data.get('classes') or ())
        colors = dict(zip(known, data.get('palette') or (), strict=False))
        for name, color in zip(outputs['classes'], outputs['palette'], strict=True):
            colors.setdefault(name, color)
        names = list(colors)
        self.labels = torch.tensor([names.index(n) for n in outputs['classes']])
        info = dict(data, classes=names, palette=list(colors.values()))
        runner.visualizer.dataset_meta = info
        return [name if name in known else None for name in outputs['classes']]
