"""Job that splits novel images into clean and unclean ones."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmseg.models import EncoderDecoder
from mmseg.registry import TASK_UTILS

from ...models.utils.stage_model import load_stage_model, stage_model_config
from ...ops.entropy_ranking import Ranking, rank_and_split
from ...utils.choices import check_range
from ...utils.distributed import fail_together
from ...utils.files import reading, write_arrays, write_text
from .base import ImageJob, Images, dataset_pipeline
from .image_entropy import score_images
from .ranking_report import draw_extremes, write_ranking
from .result_folder import REMEDY, ResultFolder

__all__ = ['EntropyRankingJob']

CHUNK = 2048  # images


@TASK_UTILS.register_module()
class EntropyRankingJob(ImageJob):
    """Job that ranks novel images by foreground entropy (EUMS, eq. 6-7).

    Writes ``clean.txt`` and ``unclean.txt``, image names, one a line: the lists from
    which the datasets of the next stage are made. That is why this is a stage and not
    an ``EntropyRankingHook``: pools and epochs have their sizes when the sampler is
    built, all rows of an ablation share one split, and resuming does not rank again.
    ``ranking.csv`` and ``ranking.png`` show every image's entropy and decision,
    ``extremes.png`` the entropy maps at both ends of the ranking.

    It goes on after a stop: every 2048 images their entropies are written to
    ``scores/``.

    Args:
        checkpoint: Model to rank with, a file or a ``work_dir``; with the architecture
            of the stage's ``cfg.model``. EUMS: the basic model.
        dataset: Dataset of the novel images without augmentation, under the labels of
            the clustering stage.
        num_old_classes: Number of background and base classes.
        keep: Share of clean images, lambda in the paper. Defaults to 0.67.
        batch_size: Images in a batch.
        num_workers: Worker processes of the loader.

    Raises:
        FileNotFoundError: The checkpoint or a label map is missing.
        ValueError: No image is left for one of the two parts, or ``scores`` is of
            another model or of other images.

    Example:
        ``job=dict(type='EntropyRankingJob', checkpoint='work_dirs/x/basic',
        num_old_classes=16, dataset=dict(type='NovelClassDataset', subset='novel',
        ...))``
    """

    def __init__(
        self,
        checkpoint: str,
        dataset: Mapping[str, Any],
        num_old_classes: int,
        keep: float = 0.67,
        batch_size: int = 16,
        num_workers: int = 0,
    ) -> None:
        super().__init__(dataset)
        check_range(0, 1, keep=keep)
        check_range(1, num_old_classes=num_old_classes, batch_size=batch_size)
        check_range(0, num_workers=num_workers)
        self.checkpoint = checkpoint
        self.num_old_classes = num_old_classes
        self.keep = keep
        self.loading = dict(batch_size=batch_size, num_workers=num_workers)

    def run_on(self, images: Images, cfg: Config) -> dict[str, float]:
        """Rank, and write the lists to ``cfg.work_dir``.

        Returns:
            Numbers of clean and unclean images and of those without a novel pixel,
            and the entropy of the split.
        """
        model = load_stage_model(self.checkpoint, cfg.model).to(get_device())
        scores = self._score(model, images, cfg)
        ranking = self._split(scores)
        with fail_together():
            if is_main_process():
                self._write(Path(cfg.work_dir), model, images, scores, ranking)
        return dict(
            clean=int(ranking.kept.sum()),
            unclean=int((~ranking.kept).sum()),
            without_novel_pixel=int(np.isnan(scores).sum()),
            threshold=ranking.threshold,
        )

    def _score(self, model: EncoderDecoder, images: Images, cfg: Config) -> np.ndarray:
        """Entropies ``(N,)`` of all images; those on disk are not computed again."""
        names = '\n'.join(images.names).encode()
        settings = dict(
            checkpoint=self.checkpoint,
            model=stage_model_config(cfg.model),
            pipeline=dataset_pipeline(self.dataset),
            num_old_classes=self.num_old_classes,
            images=f'{len(images)} images {hashlib.sha256(names).hexdigest()[:16]}',
        )
        folder = ResultFolder(Path(cfg.work_dir, 'scores'), settings, '.npz')
        parts = [np.zeros(0)]
        for start in range(0, len(images), CHUNK):
            chunk = range(start, min(start + CHUNK, len(images)))
            name = f'{chunk.start}-{chunk.stop}'
            path = folder.path(name)
            if name not in folder:
                found = score_images(
                    model, images.dataset, chunk, self.num_old_classes, **self.loading
                )
                with fail_together():
                    if is_main_process():
                        write_arrays(path, scores=found)
            with reading(path, REMEDY), np.load(path, allow_pickle=False) as saved:
                parts.append(saved['scores'])
        return np.concatenate(parts)

    def _split(self, scores: np.ndarray) -> Ranking:
        ranking = rank_and_split(scores, self.keep)
        for part, chosen in (('clean', ranking.kept), ('unclean', ~ranking.kept)):
            if not chosen.any():
                raise ValueError(
                    f'keep={self.keep} leaves no {part} image of {len(scores)}, '
                    f'{int(np.isnan(scores).sum())} of which have no novel pixel; '
                    'change protocol.entropy_ranking or the clustering'
                )
        return ranking

    def _write(
        self,
        folder: Path,
        model: EncoderDecoder,
        images: Images,
        scores: np.ndarray,
        ranking: Ranking,
    ) -> None:
        for part, chosen in (('clean', ranking.kept), ('unclean', ~ranking.kept)):
            names = [images.names[i] for i in np.flatnonzero(chosen)]
            write_text(folder / f'{part}.txt', '\n'.join(names) + '\n')
        parts = 'clean', 'unclean'
        write_ranking(folder / 'ranking', images.names, scores, ranking, parts)
        draw_extremes(
            folder / 'extremes.png',
            model,
            images,
            scores,
            ranking,
            self.num_old_classes,
        )
