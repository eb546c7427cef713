"""What the clustering stage says about its result: figures, lists and pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mmcv
import numpy as np

from ...ops.entropy import softmax_entropy
from ...ops.feature_clustering import FeatureClusters
from ...utils.files import write_text
from ...visualization.panels import write_panels
from .image_work import image_names
from .novel_regions import KEPT, NovelRegion, NovelRegionFinder

SILHOUETTE_IMAGES = 2000  # its cost grows with the square


def spread(clusters: FeatureClusters, seed: int) -> dict[str, float]:
    """``inertia``, and ``silhouette`` where it is defined."""
    from sklearn.metrics import silhouette_score

    found, num_images = {*clusters.assignment.tolist()}, len(clusters.assignment)
    values = dict(inertia=clusters.inertia)
    if 1 < len(found) < num_images:
        score = silhouette_score(
            clusters.reduced,
            clusters.assignment,
            sample_size=SILHOUETTE_IMAGES if num_images > SILHOUETTE_IMAGES else None,
            random_state=seed,
        )
        values['silhouette'] = float(score)
    return values


def true_classes(
    truth: Any,
    names: Sequence[str],
    region_of: Callable[[str], NovelRegion],
) -> tuple[np.ndarray, list[str]]:
    """Commonest true class in the novel region of each image.

    Args:
        truth: Data set that has these images and their masks.
        names: Names of the images.
        region_of: Gives the region of a name.

    Returns:
        Labels ``(N,)``, -1 where the region is void; and the names of the labels.

    Raises:
        ValueError: An image is not in the data set, or its mask has another size.
    """
    index = {name: i for i, name in enumerate(image_names(truth))}
    classes = []
    for name in names:
        if name not in index:
            raise ValueError(f'the data set of `truth` lacks the image {name}')
        mask = truth[index[name]]['data_samples'].gt_sem_seg.data[0].numpy()
        novel = region_of(name).novel
        if mask.shape != novel.shape:
            raise ValueError(
                f'the mask of {name} from `truth` is {mask.shape}, the image '
                f'{novel.shape}: leave resizing out of its pipeline'
            )
        counts = np.bincount(mask[novel], minlength=256)[:255]
        classes.append(int(counts.argmax()) if counts.any() else -1)
    return np.array(classes), list(truth.metainfo['classes'])


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


def draw_panel(
    path: Path,
    finder: NovelRegionFinder,
    sample: dict[str, Any],
    name: str,
    labels: np.ndarray,
) -> None:
    """Draw one image: saliency, base prediction and its entropy, fused label."""
    image = mmcv.imread(sample['data_samples'].img_path, backend='cv2')
    logits = finder.logits(sample)
    write_panels(
        path,
        {
            'image': [np.ascontiguousarray(image[..., ::-1])],
            'saliency': [finder.saliency.saliency(image, name) / 255],
            'base prediction': [logits.argmax(0).cpu().numpy()],
            'its entropy': [softmax_entropy(logits[None])[0].cpu().numpy()],
            'fused label': [labels],
        },
        rows=[name],
        limits={'saliency': (0, 1)},
    )
