"""Report of a ranking by entropy: a table and pictures."""

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmseg.models import EncoderDecoder

from ...ops.entropy import softmax_entropy
from ...ops.entropy_ranking import Ranking
from ...utils.files import write_text
from ...visualization.entropy_histogram import write_entropy_histogram
from ...visualization.panels import picture, write_panels
from .base import Images
from .image_entropy import is_novel, logits_at_labels

__all__ = ['draw_extremes', 'write_ranking']

ROWS = 4  # of a sheet, from either end of a ranking


def write_ranking(
    path: str | os.PathLike,
    names: Sequence[str],
    scores: np.ndarray,
    ranking: Ranking,
    parts: tuple[str, str],
) -> None:
    """Write ``<path>.csv`` and, if an image has a score, its histogram ``<path>.png``.

    Args:
        path: Path of both files, without ending.
        names: Image names ``(N,)``.
        scores: Their entropies, NaN where there is no novel pixel.
        ranking: How they were split.
        parts: Names of the clean part and of the other one.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    writer.writerow(['image', 'entropy', 'decision'])
    for i in ranking.order:
        text = 'no novel pixel' if math.isnan(scores[i]) else f'{scores[i]:.6f}'
        writer.writerow([names[i], text, parts[0] if ranking.kept[i] else parts[1]])
    write_text(Path(f'{path}.csv'), table.getvalue())
    if np.isfinite(scores).any():
        write_entropy_histogram(f'{path}.png', scores, ranking.threshold)


@torch.no_grad()
def draw_extremes(
    path: str | os.PathLike,
    model: EncoderDecoder,
    images: Images,
    scores: np.ndarray,
    ranking: Ranking,
    num_old_classes: int,
) -> None:
    """Draw images, labels and entropy maps (EUMS, eq. 6) at both ends of a ranking.

    Args:
        path: PNG to write.
        model: The model that ranked; it is left in eval mode.
        images: The images without augmentation, under the labels of the clustering.
        scores: Their entropies ``(N,)``; images without one are not drawn.
        ranking: How they were split.
        num_old_classes: Labels from here on, 255 excepted, are the novel pixels, the
            only ones whose entropy is shown.
    """
    model.eval()
    ranked = ranking.order[: int(np.isfinite(scores).sum())]
    chosen = ranked if len(ranked) <= 2 * ROWS else [*ranked[:ROWS], *ranked[-ROWS:]]
    columns: dict[str, list] = {
        'image': [],
        'label of the clustering': [],
        'entropy': [],
    }
    rows = []
    for index in chosen:
        sample = images[int(index)]
        ((logits, labels),) = logits_at_labels(model, pseudo_collate([sample]))
        entropy = softmax_entropy(logits) / math.log(logits.shape[1])
        entropy[~is_novel(labels, num_old_classes)] = math.nan
        columns['image'].append(picture(sample['inputs']))
        columns['label of the clustering'].append(labels[0].cpu().numpy())
        columns['entropy'].append(entropy[0].cpu().numpy())
        part = 'clean' if ranking.kept[index] else 'unclean'
        rows.append(f'{images.names[index]}\n{scores[index]:.3f}, {part}')
    info = images.dataset.metainfo
    write_panels(path, columns, info.get('palette'), info.get('classes'), rows)
