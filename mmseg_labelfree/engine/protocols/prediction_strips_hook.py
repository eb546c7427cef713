"""Hook that keeps a few predictions of the last validation, for the report."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric
from torch import Tensor

from ...evaluation import clustering_metrics
from ...utils.distributed import bare_model
from ...visualization.figures import label_colors
from ...visualization.panels import picture
from ...visualization.prediction_strips import PredictionStrips, Strip, write_strip
from ..hooks.cluster_names_hook import ClusterNamesHook

__all__ = ['PredictionStripsHook', 'image_iou']

_SIDE = 480  # pixels of a picture that is kept, at most


@dataclass(frozen=True)
class _Kept:
    name: str
    image: Tensor
    maps: tuple[Tensor, Tensor]  # label and prediction
    iou: float


class PredictionStripsHook(Hook):
    """Hook that keeps the first, the worst and the best images of a validation.

    Worst and best are the images of the first process with the least and largest
    :func:`image_iou`. Clusters are matched with classes after the last image only, so
    their worst and best images are then predicted again. A loop that scores two models
    leaves the images of the second one, the teacher. The hook belongs to the running
    command, so it is not in the stage configs. Its cost is a table of counts an image.

    Args:
        number: Images of each kind.
    """

    def __init__(self, number: int = 3) -> None:
        self.number = number
        self._first: list[_Kept] = []
        self._rated: list[_Kept] = []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Keep images of a batch."""
        if runner.rank != 0:
            return
        if batch_idx == 0:
            self._first, self._rated = [], []
        clusters = clustering_metrics(runner.val_loop.evaluator)
        if clusters and not _naming(runner):
            return  # numbers of clusters have no colors of classes
        for image, sample in zip(data_batch['inputs'], outputs, strict=True):
            if 'gt_sem_seg' in sample and 'pred_sem_seg' in sample:
                self._keep(_kept(image, sample, math.nan if clusters else None))

    @torch.no_grad()
    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Predict the worst and the best images of clusters, which have classes now."""
        for metric in clustering_metrics(runner.val_loop.evaluator):
            if self._first:
                order = np.argsort(metric.image_ious)  # NaN comes last
                order = order[: np.isfinite(metric.image_ious).sum()]
                chosen = dict.fromkeys([*order[: self.number], *order[-self.number :]])
                self._rated = [
                    _predicted(runner, int(i), metric.image_ious[i]) for i in chosen
                ]

    def _keep(self, kept: _Kept) -> None:
        if len(self._first) < self.number:
            self._first.append(kept)
        if not math.isnan(kept.iou):
            rated = sorted([*self._rated, kept], key=lambda k: k.iou)
            middle = slice(self.number, len(rated) - self.number)
            if len(rated) > 2 * self.number:
                del rated[middle]
            self._rated = rated

    def write(self, runner: Runner) -> None:
        """Write the strips of the last validation into the run's folder."""
        if not self._first:
            return
        names, palette = _names(runner)
        groups = {'first images': self._first}
        if len(self._rated) == 2 * self.number:
            groups['worst'] = self._rated[: self.number]
            groups['best'] = self._rated[: -self.number - 1 : -1]
        shown = _renamed(runner, names)
        strips, labels = [], set()
        for group, images in groups.items():
            for index, kept in enumerate(images):
                truth, prediction = (part.numpy() for part in kept.maps)
                maps = [truth, shown[prediction]]
                labels |= {int(v) for part in maps for v in np.unique(part)}
                image = picture(kept.image)
                stem = f'{group.split()[0]}_{index + 1}'
                file = write_strip(runner.work_dir, stem, image, maps, palette)
                iou = None if math.isnan(kept.iou) else kept.iou
                strips.append(Strip(group, kept.name, iou, file))
        colors = dict(zip(names, palette.tolist(), strict=False))
        present = [names[v] for v in sorted(labels) if v < len(names)]
        PredictionStrips(colors, present, strips).write(runner.work_dir)


def image_iou(label: Tensor, prediction: Tensor) -> float:
    """Compute the mean IoU of one image, over the classes in label or prediction.

    Args:
        label: Integers ``(H, W)``; pixels of 255 do not count.
        prediction: Integers of the same shape, below 255.

    Returns:
        In percent; NaN if no pixel counts.

    Example:
        >>> import torch
        >>> image_iou(torch.tensor([[0, 0, 1, 255]]), torch.tensor([[0, 1, 1, 1]]))
        50.0
    """
    both, union, *_ = IoUMetric.intersect_and_union(prediction, label, 255, 255)
    return 100 * float((both / union)[union > 0].mean())


def _naming(runner: Runner) -> list[ClusterNamesHook]:
    return [hook for hook in runner.hooks if isinstance(hook, ClusterNamesHook)]


def _predicted(runner: Runner, index: int, iou: float) -> _Kept:
    """Predict an image of the validation."""
    model: Any = bare_model(runner.model)
    batch = pseudo_collate([runner.val_dataloader.dataset[index]])
    outputs = model.val_step(batch)
    for hook in _naming(runner):
        hook.after_val_iter(runner, 0, batch, outputs)
    return _kept(batch['inputs'][0], outputs[0], iou)


def _kept(image: Tensor, sample: Any, iou: float | None = None) -> _Kept:
    label, prediction = (
        part.data.squeeze(0) for part in (sample.gt_sem_seg, sample.pred_sem_seg)
    )
    return _Kept(
        name=Path(sample.metainfo.get('img_path', '')).stem,
        image=_small(image),
        maps=(_small(label), _small(prediction)),
        iou=image_iou(label, prediction) if iou is None else iou,
    )


def _small(values: Tensor) -> Tensor:
    """Thin out an image or a map, so that few bytes are kept."""
    step = max(1, math.ceil(max(values.shape[-2:]) / _SIDE))
    return values[..., ::step, ::step].cpu().clone()


def _names(runner: Runner) -> tuple[list[str], np.ndarray]:
    """Names and colors of labels as the pictures of the run have them."""
    info = runner.visualizer.dataset_meta or runner.val_dataloader.dataset.metainfo
    colors = label_colors(info.get('palette'))
    return list(info.get('classes') or ()), colors[:255]


def _renamed(runner: Runner, names: list[str]) -> np.ndarray:
    """Label to show for each predicted one: a cluster's is that of its class."""
    shown = np.arange(256)
    for metric in clustering_metrics(runner.val_loop.evaluator):
        for cluster, name in enumerate(metric.matched or ()):
            if name in names and f'cluster_{cluster}' in names:
                shown[names.index(f'cluster_{cluster}')] = names.index(name)
    return shown
