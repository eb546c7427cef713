"""Job that splits novel images into clean and unclean ones."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, is_main_process
from mmseg.models import EncoderDecoder
from mmseg.registry import DATASETS, TASK_UTILS

from ...models.utils.stage_model import load_stage_model
from ...ops.entropy_ranking import rank_and_split
from ...utils.checkpoint import resolve_checkpoint
from ...utils.files import atomic_path, write_text
from .base import Job
from .image_entropy import score_images, write_ranking
from .image_work import image_names
from .ranking_panels import draw_extremes

CHUNK = 2048


@TASK_UTILS.register_module()
class EntropyRankingJob(Job):
    """Rank novel images by foreground entropy before EUMS starts (eq. 6-7).

    Writes ``clean.txt`` and ``unclean.txt``, image names, one a line: the lists from
    which the data sets of the next stage are made. That is why this is a stage and not
    an ``EntropyRankingHook``: pools and epochs have their sizes when the sampler is
    built, all rows of an ablation share one split, and resuming does not rank again.
    ``ranking.csv`` and ``ranking.png`` show every image's entropy and decision,
    ``extremes.png`` the entropy maps at both ends of the ranking.

    It goes on after a stop: entropies are kept in ``scores.npz`` every 2048 images.

    Args:
        checkpoint: Model to rank with, a file or a ``work_dir``; with the architecture
            of the stage's ``cfg.model``. EUMS: the basic model.
        dataset: Data set of the novel images without augmentation, under the labels of
            the clustering stage.
        num_old_classes: Number of background and base classes.
        keep: Share of clean images (paper: lambda = 0.67).
        batch_size: Images in a batch.
        num_workers: Worker processes of the loader.

    Raises:
        FileNotFoundError: The checkpoint or a label map is missing.
        ValueError: No image is left for one of the two parts.

    Example:
        ``job=dict(type='EntropyRankingJob', checkpoint='work_dirs/x/basic',
        num_old_classes=16, dataset=dict(type='NovelClassDataset', subset='novel',
        ...))``
    """

    def __init__(
        self,
        checkpoint: str,
        dataset: dict[str, Any],
        num_old_classes: int,
        keep: float = 0.67,
        batch_size: int = 16,
        num_workers: int = 0,
    ) -> None:
        self.checkpoint = checkpoint
        self.dataset = dataset
        self.num_old_classes = num_old_classes
        self.keep = keep
        self.loading = dict(batch_size=batch_size, num_workers=num_workers)

    def run(self, cfg: Config) -> dict[str, float]:
        """Rank, and write the lists to ``cfg.work_dir``.

        Returns:
            Numbers of clean and unclean images and of those without a novel pixel,
            and the entropy of the split.
        """
        folder = Path(cfg.work_dir)
        folder.mkdir(parents=True, exist_ok=True)
        dataset = DATASETS.build(self.dataset)
        names = np.array(image_names(dataset))
        model = load_stage_model(self.checkpoint, cfg.model).to(get_device())
        scores = self._scores(model, dataset, names, folder / 'scores.npz')
        ranking = rank_and_split(scores, self.keep)
        for part, chosen in (('clean', ranking.kept), ('unclean', ~ranking.kept)):
            if not chosen.any():
                raise ValueError(
                    f'keep={self.keep} leaves no {part} image of {len(names)}, '
                    f'{int(np.isnan(scores).sum())} of which have no novel pixel; '
                    'change protocol.entropy_ranking or the clustering'
                )
            if is_main_process():
                write_text(folder / f'{part}.txt', '\n'.join(names[chosen]) + '\n')
        if is_main_process():
            path = folder / 'ranking'
            write_ranking(path, names, scores, ranking, ('clean', 'unclean'))
            draw_extremes(
                folder / 'extremes.png',
                model,
                dataset,
                names,
                scores,
                ranking,
                self.num_old_classes,
            )
        barrier()
        return dict(
            clean=int(ranking.kept.sum()),
            unclean=int((~ranking.kept).sum()),
            without_novel_pixel=int(np.isnan(scores).sum()),
            threshold=ranking.threshold,
        )

    def _scores(
        self, model: EncoderDecoder, dataset: Any, names: np.ndarray, file: Path
    ) -> np.ndarray:
        """Entropies of all images, those of an interrupted run taken from its file."""
        checkpoint = resolve_checkpoint(self.checkpoint)
        origin = f'{checkpoint} {Path(checkpoint).stat().st_mtime_ns}'
        scores = _read(file, names, origin)
        for start in range(len(scores), len(names), CHUNK):
            chunk = range(start, min(start + CHUNK, len(names)))
            found = score_images(
                model, dataset, chunk, self.num_old_classes, **self.loading
            )
            scores = np.concatenate([scores, found])
            if is_main_process():
                _write(file, names=names, origin=origin, scores=scores)
            barrier()
        return scores


def _read(file: Path, names: np.ndarray, origin: str) -> np.ndarray:
    """Scores of the first images, as far as they are there."""
    if file.is_file():
        with np.load(file, allow_pickle=False) as saved:
            if str(saved['origin']) == origin and list(saved['names']) == list(names):
                return saved['scores']
    return np.zeros(0)


def _write(file: Path, **arrays: Any) -> None:
    temporary = atomic_path(file)
    with open(temporary, 'wb') as stream:
        np.savez_compressed(stream, **arrays)
    temporary.replace(file)
