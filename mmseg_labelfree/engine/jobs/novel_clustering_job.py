"""Job that labels novel images by clustering."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmseg.registry import DATASETS, TASK_UTILS

from ...models.utils.stage_model import load_stage_model
from ...ops.feature_clustering import (
    FeatureClusters,
    class_agreement,
    cluster_features,
)
from ...ops.novel_labels import fuse_labels
from ...utils.checkpoint import resolve_checkpoint
from ...utils.files import write_text
from ...visualization.clusters import write_cluster_scatter
from .base import Job
from .clustering_report import draw_panel, spread, true_classes, write_lists
from .image_work import (
    image_names,
    keep_settings,
    own_share,
    tracked,
    write_label_map,
)
from .masked_features import MaskedFeatures
from .novel_regions import (
    KEPT,
    NovelRegion,
    NovelRegionFinder,
    read_features,
)
from .saliency_sources import CachedSaliency, SaliencyFolder


@TASK_UTILS.register_module()
class NovelClusteringJob(Job):
    """Clustering pseudo-labels of novel images (EUMS, section 3.2, eq. 2-4).

    In each image the base model labels what it is sure of; the salient rest is novel.
    The features of the novel region, summed, are the image's vector, and k-means on
    their whitened principal components gives the image its cluster. Its label map has
    the base labels, ``num_base_classes + 1 + cluster`` on the novel region, and 0, the
    background, elsewhere.

    Files in ``out_dir``:

    - ``labels/<image name>.png``: the label maps of the images that are kept;
    - ``images.txt``, ``left_out.txt``: names of the images that are kept; names,
      novel pixels and reasons of the others;
    - ``summary.json``: counts of these, cluster sizes, and what ``run`` returns;
    - ``clusters.png``, ``panels/<image name>.png``: pictures;
    - ``saliency/<image name>.png``: maps, unless they come from a folder;
    - ``regions/``: what was found in each image. A stopped run goes on from there,
      and so does one with other settings of the clustering alone.

    The processes of a distributed run share the images; the first one clusters.

    Args:
        checkpoint (str): The base model's weights: a file, or the folder of its stage.
            Its architecture is the stage's ``cfg.model``.
        dataset (dict): Config of the novel images, with a test pipeline.
        saliency (dict): Config of a ``SaliencySource``.
        num_clusters (int): K. EUMS: 10 for 5 novel classes, 40 for 20.
        features (dict, optional): Arguments of
            :class:`~mmseg_labelfree.engine.jobs.masked_features.MaskedFeatures`;
            without ``backbone`` the base model's own is used.
        num_base_classes (int, optional): Base classes without the background. Default:
            what the base model has; another number is an error.
        base_confidence (float): Threshold tau of eq. 2.
        saliency_threshold (float): A pixel is salient above this share of the map's
            range. The paper does not give it.
        min_area (int): Least novel area of an image in pixels of the original image.
        pca_dim (int): Principal components for k-means.
        whiten (bool): Whether they are whitened.
        seed (int): Of PCA, k-means and pictures; the default is the authors'.
        out_dir (str, optional): Default: the stage's ``work_dir``.
        panels (int): Number of kept images to draw: image, saliency, base prediction,
            its entropy, the fused label.
        scatter (str, optional): 'tsne' or 'pca', see
            :func:`~mmseg_labelfree.visualization.write_cluster_scatter`; None for none.
        truth (dict, optional): Config of a data set with the same images and their
            masks. For monitoring only: the commonest class of each novel region is
            compared with the clusters; nothing that is trained on depends on it.

    Raises:
        FileNotFoundError: The checkpoint or a saliency map is missing.
        ValueError: No image has a novel region, there are more clusters than images or
            more labels than 255, or ``regions`` is from other settings.

    Example:
        ``job=dict(type='NovelClusteringJob', checkpoint='work_dirs/x/base',
        saliency=dict(type='SaliencyFolder', folder='data/voc/Saliency'),
        num_clusters=10, features=dict(backbone=dict(type='ResNet', depth=50, ...)),
        dataset=dict(type='NovelClassDataset', subset='novel', ...))``
    """

    def __init__(
        self,
        checkpoint: str,
        dataset: Mapping[str, Any],
        saliency: Mapping[str, Any],
        num_clusters: int,
        features: Mapping[str, Any] | None = None,
        num_base_classes: int | None = None,
        base_confidence: float = 0.9,
        saliency_threshold: float = 0.5,
        min_area: int = 1500,
        pca_dim: int = 32,
        whiten: bool = True,
        seed: int = 242133,
        out_dir: str | None = None,
        panels: int = 16,
        scatter: str | None = 'tsne',
        truth: Mapping[str, Any] | None = None,
    ) -> None:
        if num_clusters < 1 or min_area < 1:
            raise ValueError(
                'num_clusters and min_area must be 1 or more, not '
                f'{num_clusters} and {min_area}'
            )
        for name, value in (
            ('base_confidence', base_confidence),
            ('saliency_threshold', saliency_threshold),
        ):
            if not 0 <= value < 1:
                raise ValueError(f'{name} must be in 0..1, below 1, not {value}')
        self.checkpoint = checkpoint
        self.dataset = dataset
        self.saliency = saliency
        self.num_clusters = num_clusters
        self.features = dict(features or {})
        self.num_base_classes = num_base_classes
        self.thresholds = dict(
            base_confidence=base_confidence,
            saliency_threshold=saliency_threshold,
            min_area=min_area,
        )
        self.clustering = dict(pca_dim=pca_dim, whiten=whiten, seed=seed)
        self.out_dir = out_dir
        self.panels = panels
        self.scatter = scatter
        self.truth = truth

    def run(self, cfg: Config) -> dict[str, float]:
        """Make the label maps.

        Returns:
            ``images``, ``images_used``, ``clusters``; ``inertia`` and ``silhouette``
            (-1 to 1) of the clustering; with ``truth`` ``purity`` and ``nmi``, in
            percent.
        """
        self.folder = Path(self.out_dir or cfg.work_dir)
        self.folder.mkdir(parents=True, exist_ok=True)
        dataset = DATASETS.build(self.dataset)
        # By all processes: data sets may exchange what they read.
        truth = None if self.truth is None else DATASETS.build(self.truth)
        names = image_names(dataset)
        finder = self._finder(cfg)
        self._check_settings(cfg)
        self._find_regions(finder, dataset, names)
        decisions, clusters = self._cluster_once(names)
        kept = [i for i, d in enumerate(decisions) if d[0] == KEPT]
        self._write_labels([names[i] for i in kept], clusters.assignment)
        barrier()
        metrics = [None]
        if is_main_process():
            self._draw_panels(finder, dataset, names, kept, clusters.assignment)
            metrics = [self._summarize(names, decisions, kept, clusters, truth)]
        broadcast_object_list(metrics)
        return metrics[0]

    def _region_file(self, name: str) -> Path:
        return self.folder / 'regions' / f'{name}.npz'

    def _region(self, name: str) -> NovelRegion:
        return NovelRegion.read(self._region_file(name))

    def _check_settings(self, cfg: Config) -> None:
        checkpoint = Path(resolve_checkpoint(self.checkpoint))
        stat = checkpoint.stat()
        settings = dict(
            checkpoint=[checkpoint.name, stat.st_size, stat.st_mtime_ns],
            model=Config(dict(model=cfg.model)).to_dict()['model'],
            saliency=self.saliency,
            features=self.features,
            **self.thresholds,
        )
        keep_settings(self.folder / 'regions', settings)

    def _finder(self, cfg: Config) -> NovelRegionFinder:
        model = load_stage_model(self.checkpoint, cfg.model).to(get_device())
        model.eval()
        found = model.num_classes - 1
        if self.num_base_classes not in (None, found):
            raise ValueError(
                f'the base model {self.checkpoint} has {found} classes besides the '
                f'background, but num_base_classes is {self.num_base_classes}'
            )
        self.first_label = found + 1
        if self.first_label + self.num_clusters > 255:
            raise ValueError(
                f'{found} base classes and {self.num_clusters} clusters are too many '
                'for 8-bit label maps (254 in all)'
            )
        features = MaskedFeatures.for_model(model, **self.features).to(get_device())
        source = TASK_UTILS.build(self.saliency)
        if not isinstance(source, SaliencyFolder):
            source = CachedSaliency(source, self.folder / 'saliency')
        return NovelRegionFinder(model, source, features, **self.thresholds)

    def _find_regions(
        self, finder: NovelRegionFinder, dataset: Any, names: list[str]
    ) -> None:
        share = own_share(len(names))
        for i in tracked(share, len(share), f'Novel regions of {len(names)} images'):
            file = self._region_file(names[i])
            if not file.is_file():
                finder.find(dataset[i], names[i]).write(file)
        barrier()

    def _cluster_once(self, names: list[str]) -> tuple[list, FeatureClusters]:
        """Cluster in the first process; its result or error is that of all."""
        payload = [None]
        if is_main_process():
            try:
                payload = [self._cluster(names)]
            except ValueError as error:
                payload = [error]
        broadcast_object_list(payload)
        if isinstance(payload[0], ValueError):
            raise payload[0]
        return payload[0]

    def _cluster(self, names: list[str]) -> tuple[list, FeatureClusters]:
        """Decision and area of every image, and the clusters of the kept ones."""
        decisions, features = read_features([self._region_file(n) for n in names])
        clusters = cluster_features(features, self.num_clusters, **self.clustering)
        return decisions, clusters

    def _write_labels(self, names: list[str], assignment: np.ndarray) -> None:
        share = own_share(len(names))
        for i in tracked(share, len(share), f'Label maps of {len(names)} images'):
            path = self.folder / 'labels' / f'{names[i]}.png'
            write_label_map(path, self._fused(names[i], assignment[i]))

    def _fused(self, name: str, cluster: int) -> np.ndarray:
        region = self._region(name)
        return fuse_labels(region.base, region.novel, self.first_label + int(cluster))

    def _draw_panels(
        self,
        finder: NovelRegionFinder,
        dataset: Any,
        names: list[str],
        kept: list[int],
        assignment: np.ndarray,
    ) -> None:
        count = min(self.panels, len(kept))
        for k in np.linspace(0, len(kept) - 1, count).astype(int):
            name, labels = names[kept[k]], self._fused(names[kept[k]], assignment[k])
            path = self.folder / 'panels' / f'{name}.png'
            draw_panel(path, finder, dataset[kept[k]], name, labels)

    def _summarize(
        self,
        names: list[str],
        decisions: list[tuple[str, int]],
        kept: list[int],
        clusters: FeatureClusters,
        truth: Any,
    ) -> dict[str, float]:
        seed, assignment = self.clustering['seed'], clusters.assignment
        metrics = dict(images=len(names), images_used=len(kept))
        metrics |= dict(clusters=self.num_clusters) | spread(clusters, seed)
        classes = class_names = None
        if truth is not None:
            kept_names = [names[i] for i in kept]
            classes, class_names = true_classes(truth, kept_names, self._region)
            known = classes >= 0
            if known.any():
                metrics |= class_agreement(assignment[known], classes[known])
        if self.scatter is not None and len(kept) > 2:
            write_cluster_scatter(
                self.folder / 'clusters.png',
                clusters.reduced,
                assignment,
                classes,
                class_names,
                self.scatter,
                seed,
            )
        write_lists(self.folder, names, decisions)
        summary = dict(
            metrics,
            decisions=Counter(decision for decision, _ in decisions),
            cluster_sizes=np.bincount(assignment, minlength=self.num_clusters).tolist(),
            first_label=self.first_label,
            **self.clustering,
        )
        write_text(self.folder / 'summary.json', json.dumps(summary, indent=2) + '\n')
        return metrics
