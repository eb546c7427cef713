"""Report of the clustering stage: figures, lists and pictures."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...ops.entropy import softmax_entropy
from ...ops.feature_clustering import FeatureClusters, class_agreement
from ...utils.files import reading, write_text
from ...visualization.panels import write_panels
from .base import Images, image_names
from .novel_clusters import ClusteredImages
from .novel_regions import KEPT, NovelRegion, NovelRegionFinder
from .result_folder import REMEDY, ResultFolder

__all__ = ['draw_panels', 'measure', 'true_classes', 'write_lists', 'write_summary']

SILHOUETTE_IMAGES = 2000  # its cost grows with the square


def measure(
    clusters: FeatureClusters, classes: np.ndarray | None, seed: int
) -> dict[str, float]:
    """Measure how compact clusters are and how well they agree with classes.

    Args:
        clusters: Clusters of N images.
        classes: True classes ``(N,)`` of these, -1 where there is none; None if they
            are not known.
        seed: Seed of the choice of images for the silhouette.

    Returns:
        ``inertia``; ``silhouette`` where it is defined; ``purity`` and ``nmi`` if a
        class is known.
    """
    from sklearn.metrics import silhouette_score

    assignment, num_images = clusters.assignment, len(clusters.assignment)
    values = dict(inertia=clusters.inertia)
    if 1 < len(np.unique(assignment)) < num_images:
        score = silhouette_score(
            clusters.reduced,
            assignment,
            sample_size=SILHOUETTE_IMAGES if num_images > SILHOUETTE_IMAGES else None,
            random_state=seed,
        )
        values['silhouette'] = float(score)
    if classes is not None and (classes >= 0).any():
        known = classes >= 0
        values |= class_agreement(assignment[known], classes[known])
    return values


def true_classes(truth: Any, names: Sequence[str], regions: ResultFolder) -> np.ndarray:
    """Find the commonest true class in the novel region of each image.

    Args:
        truth: Dataset that has these images and their masks.
        names: Names of N images.
        regions: Their novel regions.

    Returns:
        Labels ``(N,)``, -1 where the region is void.

    Raises:
        ValueError: An image is not in the dataset, or its mask has another size.
    """
    index = {name: i for i, name in enumerate(image_names(truth))}
    classes = []
    for name in names:
        if name not in index:
            raise ValueError(f'the dataset of `truth` lacks the image {name}')
        mask = truth[index[name]]['data_samples'].gt_sem_seg.data[0].numpy()
        novel = NovelRegion.read(regions.path(name)).novel
        if mask.shape != novel.shape:
            raise ValueError(
                f'the mask of {name} from `truth` is {mask.shape}, the image '
                f'{novel.shape}: leave resizing out of its pipeline'
            )
        counts = np.bincount(mask[novel], minlength=256)[:255]
        classes.append(int(counts.argmax()) if counts.any() else -1)
    return np.array(classes)


def write_lists(
    folder: Path, names: Sequence[str], decisions: Sequence[tuple[str, int]]
) -> None:
    """Write ``images.txt`` and ``left_out.txt``; a decision is (reason, area)."""
    kept, left_out = [], []
    for name, (decision, area) in zip(names, decisions, strict=True):
        if decision == KEPT:
            kept.append(f'{name}\n')
        else:
            left_out.append(f'{name} {area} {decision}\n')
    write_text(folder / 'images.txt', ''.join(kept))
    write_text(folder / 'left_out.txt', ''.join(left_out))


def write_summary(
    folder: Path,
    metrics: Mapping[str, float],
    found: ClusteredImages,
    settings: Mapping[str, Any],
) -> None:
    """Write ``summary.json``: metrics, counts of decisions, cluster sizes, settings."""
    sizes = np.bincount(found.clusters.assignment, minlength=int(metrics['clusters']))
    summary = dict(
        metrics,
        decisions=Counter(decision for decision, _ in found.decisions),
        cluster_sizes=sizes.tolist(),
        **settings,
    )
    write_text(folder / 'summary.json', json.dumps(summary, indent=2) + '\n')


def draw_panels(
    folder: Path,
    finder: NovelRegionFinder,
    images: Images,
    kept: Sequence[int],
    count: int,
    outputs: Mapping[str, Any],
) -> None:
    """Draw panels of some images: saliency, base prediction, its entropy, fused label.

    Args:
        folder: Folder of the stage, with the label maps in ``labels``; the pictures
            are written to ``panels``.
        finder: What found the novel regions.
        images: The images.
        kept: Indices of those to choose from.
        count: How many to draw, evenly spaced.
        outputs: ``classes`` and ``palette`` of the labels.
    """
    places = np.linspace(0, len(kept) - 1, min(count, len(kept))).astype(int)
    for index in (kept[place] for place in places):
        name = images.names[index]
        image = images.photo(index)
        logits = finder.logits(images[index])
        path = folder / 'labels' / f'{name}.png'
        with reading(path, REMEDY), Image.open(path) as file:
            labels = np.asarray(file)
        write_panels(
            folder / 'panels' / f'{name}.png',
            {
                'image': [np.ascontiguousarray(image[..., ::-1])],
                'saliency': [finder.saliency.saliency(image, name) / 255],
                'base prediction': [logits.argmax(0).cpu().numpy()],
                'its entropy': [softmax_entropy(logits[None])[0].cpu().numpy()],
                'fused label': [labels],
            },
            outputs['palette'],
            outputs['classes'],
            rows=[name],
            limits={'saliency': (0, 1)},
        )
