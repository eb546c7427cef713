"""Hook that splits a pool of images by entropy, once in the training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import DATASETS, HOOKS
from torch import nn

from ...models.utils.stage_model import load_stage_model
from ...ops.entropy_ranking import rank_and_split
from ...utils.choices import check_range
from ...utils.distributed import bare_model
from ..jobs.base import image_names
from ..jobs.image_entropy import score_images
from ..jobs.ranking_report import write_ranking
from .checkpoint_entry_hook import CheckpointEntryHook
from .sampler_state_hook import SamplerStateHook, multi_source_sampler


@HOOKS.register_module()
class EntropyRankingHook(CheckpointEntryHook):
    """Hook that keeps the images of lowest entropy in a pool and moves the others.

    The normalized entropy of the prediction, averaged over an image's novel pixels,
    tells how far its cluster label can be trusted (EUMS, eq. 6-7;
    https://arxiv.org/abs/2112.01900). The lowest share ``keep`` of the images that have
    novel pixels stays in ``source``; the others, and images without a novel pixel, go
    to ``target``. For any config with a
    :class:`~mmseg_labelfree.datasets.MultiSourceSampler` and a ``SamplerStateHook``,
    which saves the moves.

    It happens once. The decision is in every later checkpoint, as ``entropy_ranking``,
    and in ``<work_dir>/entropy_ranking.csv`` and ``.png``: image, entropy, decision.
    The processes share the images and come to the same decision. Batches that loader
    workers have drawn already are not changed; with an epoch-based loop there are none.

    Args:
        dataset: Dataset that gives the images of ``source`` without
            augmentation, with label maps that mark the novel pixels; usually the one
            of the training under a plain pipeline. It may hold more images; they are
            matched by path.
        num_old_classes: Labels from here on, 255 excepted, are the novel ones.
        keep: Share that stays, 0 to 1.
        source: Pool to split.
        target: Pool that gets the others.
        begin: When: before this epoch, or iteration, counted from 0.
        by_epoch: Count epochs, as long as the sampler's
            ``batches_per_epoch``, in iteration-based loops too; else iterations.
        checkpoint: Model to rank with, a file or a ``work_dir``. Defaults to the
            student, in eval mode.
        batch_size: Images in a batch of the ranking.
        num_workers: Worker processes of its loader.

    Raises:
        ValueError: There is no ``SamplerStateHook``; an image of ``source`` is not in
            ``dataset``; the checkpoint to resume was trained without the hook.

    Example:
        ``custom_hooks=[dict(type='SamplerStateHook'), dict(type='EntropyRankingHook',
        keep=0.67, num_old_classes=16, dataset=..., checkpoint='work_dirs/x/basic')]``
    """

    entry = 'entropy_ranking'

    def __init__(
        self,
        dataset: dict,
        num_old_classes: int,
        keep: float = 0.67,
        source: str = 'clean',
        target: str = 'unclean',
        begin: int = 0,
        by_epoch: bool = True,
        checkpoint: str | None = None,
        batch_size: int = 16,
        num_workers: int = 0,
    ) -> None:
        check_range(0, 1, keep=keep)
        check_range(1, num_old_classes=num_old_classes, batch_size=batch_size)
        check_range(0, begin=begin, num_workers=num_workers)
        self.dataset = dataset
        self.num_old_classes = num_old_classes
        self.keep = keep
        self.source = source
        self.target = target
        self.begin = begin
        self.by_epoch = by_epoch
        self.checkpoint = checkpoint
        self.loading = dict(batch_size=batch_size, num_workers=num_workers)
        self.decision: dict[str, Any] | None = None
        self._moment = 0

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not any(isinstance(hook, SamplerStateHook) for hook in hooks):
            raise ValueError(
                f"{type(self).__name__} needs dict(type='SamplerStateHook') in "
                'custom_hooks, which saves the moves'
            )

    def before_train(self, runner: Runner) -> None:
        """Restore the decision of the resumed run, or decide if it is time."""
        sampler = multi_source_sampler(runner)
        self.check_model(bare_model(runner.model), runner.hooks)
        length = sampler.batches_per_epoch if self.by_epoch else 1
        self._moment = self.begin * length
        super().before_train(runner)
        if runner.iter == 0 and self._moment == 0:
            self._decide(runner)

    def contents(self, runner: Runner) -> dict[str, Any] | None:
        """Return the decision; None before it is made."""
        return self.decision

    def restore(self, runner: Runner, entry: dict[str, Any]) -> None:
        """Keep the decision of the checkpoint."""
        self.decision = entry

    def restore_nothing(self, runner: Runner) -> None:
        """Decide later; refuse a checkpoint from after the moment."""
        if runner.iter >= self._moment:
            super().restore_nothing(runner)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Decide after the last iteration before the moment."""
        if self.decision is None and runner.iter + 1 == self._moment:
            self._decide(runner)

    def _decide(self, runner: Runner) -> None:
        sampler = multi_source_sampler(runner)
        indices = sampler.indices(self.source)
        data = runner.train_dataloader.dataset
        infos = [data.get_data_info(int(i)) for i in indices]
        dataset = DATASETS.build(self.dataset)
        places = _same_images(dataset, infos)
        model = self._model(runner)
        scores = score_images(
            model, dataset, places, self.num_old_classes, **self.loading
        )
        ranking = rank_and_split(scores, self.keep)
        sampler.move(indices[~ranking.kept], self.source, self.target)
        all_names = image_names(dataset)
        names = [all_names[i] for i in places]
        self.decision = dict(
            iteration=self._moment,
            keep=self.keep,
            threshold=ranking.threshold,
            images=names,
            entropies=scores.tolist(),
            kept=ranking.kept.tolist(),
        )
        if is_main_process():
            write_ranking(
                f'{runner.work_dir}/{self.entry}',
                names,
                scores,
                ranking,
                (self.source, self.target),
            )
        runner.logger.info(
            f'{type(self).__name__}: of {len(names)} images in {self.source!r} '
            f'{int(ranking.kept.sum())} stay, up to an entropy of '
            f'{ranking.threshold:.4f}; {int(np.isnan(scores).sum())} have no novel '
            f'pixel ({runner.work_dir}/{self.entry}.csv).'
        )

    def _model(self, runner: Runner) -> nn.Module:
        student = bare_model(runner.model)
        if self.checkpoint is None:
            return student
        model = load_stage_model(self.checkpoint, runner.cfg.model)
        return model.to(next(student.parameters()).device)


def _same_images(dataset: Any, infos: list[dict[str, Any]]) -> list[int]:
    """Index in ``dataset`` of each of the images."""
    places = {dataset.get_data_info(i)['img_path']: i for i in range(len(dataset))}
    missing = [d['img_path'] for d in infos if d['img_path'] not in places]
    if missing:
        raise ValueError(
            f'{len(missing)} images of the pool are not in the dataset to rank, first '
            f'{missing[0]}: both must read the same images'
        )
    return [places[info['img_path']] for info in infos]
