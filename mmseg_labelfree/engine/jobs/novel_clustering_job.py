"""Job that labels novel images by clustering."""

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmseg.registry import DATASETS, TASK_UTILS

from ...models.utils.stage_model import load_stage_model, stage_model_config
from ...ops.novel_labels import fuse_labels
from ...utils.choices import check_choice, check_keys, check_range
from ...utils.cluster_names import name_clusters
from ...utils.distributed import in_first_process
from ...utils.files import content_digest
from ...visualization.clusters import write_cluster_scatter
from ...visualization.figures import write_label_map
from .base import ImageJob, Images, dataset_pipeline
from .clustering_report import (
    draw_panels,
    measure,
    true_classes,
    write_lists,
    write_summary,
)
from .masked_features import MaskedFeatures
from .novel_clusters import ClusteredImages, cluster_regions
from .novel_regions import NovelRegion, NovelRegionFinder, RegionFolder
from .result_folder import ResultFolder
from .saliency_sources import check_saliency, saliency_in_files

__all__ = ['NovelClusteringJob']


@TASK_UTILS.register_module()
class NovelClusteringJob(ImageJob):
    """Job that labels novel images by clustering (EUMS, eq. 2-4).

    In each image the base model labels what it is sure of; the salient rest is novel.
    The features of the novel region, summed, are the image's vector, and k-means on
    their whitened principal components gives the image its cluster. Its label map has
    the base labels, the number of old classes + cluster on the novel region, and 0, the
    background, elsewhere.

    Files in the stage's ``work_dir``:

    - ``labels/<image name>.png``: the label maps of the images that are kept;
    - ``images.txt``, ``left_out.txt``: names of the images that are kept; names,
      novel pixels and reasons of the others;
    - ``summary.json``: counts of these, cluster sizes, and what ``run`` returns;
    - ``clusters.png``, ``panels/<image name>.png``: pictures;
    - ``saliency/<image name>.png``: maps, unless they come from a folder;
    - ``regions/``: what was found in each image. A stopped run goes on from there,
      and so does one with other settings of the clustering alone. Images whose photo
      or saliency map has changed are looked at again.

    The processes of a distributed run share the images; the first one clusters.

    Args:
        checkpoint: The base model's weights: a file, or the folder of its stage. Its
            architecture is the stage's ``cfg.model``.
        dataset: Config of the novel images, with a test pipeline.
        saliency: Config of a ``SaliencySource``. Images without a map in a
            ``SaliencyFolder`` are left out, as the authors do (code).
        num_clusters: K. EUMS: 10 for 5 novel classes, 40 for 20.
        features: Arguments of
            :class:`~mmseg_labelfree.engine.jobs.masked_features.MaskedFeatures`;
            without ``backbone`` the base model's own is used.
        base_confidence: Threshold tau (EUMS, eq. 2).
        saliency_threshold: A pixel is salient above this share of the map's range. The
            paper does not give it; the authors take all of COCO's maps that is not zero
            (code): 0.
        min_area: Least novel area of an image in pixels of the original image.
        pca_dim: Principal components for k-means, which are whitened.
        seed: Seed of PCA, k-means and pictures. Defaults to the authors'.
        panels: Number of kept images to draw: image, saliency, base prediction, its
            entropy, the fused label.
        scatter: 'tsne' or 'pca', see
            :func:`~mmseg_labelfree.visualization.write_cluster_scatter`; None for none.
        truth: Config of a dataset with the same images and their masks. For monitoring
            only: the commonest class of each novel region is compared with the
            clusters; nothing that is trained on depends on it.

    Raises:
        FileNotFoundError: The checkpoint or the folder of saliency maps is missing.
        FloatingPointError: Logits or features of an image are not finite.
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
        base_confidence: float = 0.9,
        saliency_threshold: float = 0.5,
        min_area: int = 1500,
        pca_dim: int = 32,
        seed: int = 242133,
        panels: int = 16,
        scatter: str | None = 'tsne',
        truth: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(dataset)
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
        check_range(1, pca_dim=pca_dim)
        check_range(0, panels=panels)
        check_choice('scatter', scatter, (None, 'tsne', 'pca'))
        check_keys('features', features, signature(MaskedFeatures).parameters)
        layer = (features or {}).get('layer', -1)
        if not isinstance(layer, int):
            raise ValueError(
                f'features.layer={layer!r} must be a number, which of the maps it is'
            )
        self.checkpoint = checkpoint
        self.saliency = saliency
        self.num_clusters = num_clusters
        self.features = dict(features or {})
        self.thresholds: dict[str, Any] = dict(
            base_confidence=base_confidence,
            saliency_threshold=saliency_threshold,
            min_area=min_area,
        )
        self.clustering: dict[str, Any] = dict(pca_dim=pca_dim, seed=seed)
        self.panels = panels
        self.scatter = scatter
        self.truth = truth

    def check(self, cfg: Config) -> None:
        """Look up the folder of saliency maps, or the weights that make them."""
        check_saliency(self.saliency)

    def run_on(self, images: Images, cfg: Config) -> dict[str, float]:
        """Make the label maps: find regions, cluster, write labels, report.

        Returns:
            ``images``, ``images_used``, ``clusters``; ``inertia`` and ``silhouette``
            (-1 to 1) of the clustering; with ``truth`` ``purity`` and ``nmi``, in
            percent.
        """
        # By all processes: datasets may exchange what they read.
        truth = None if self.truth is None else DATASETS.build(self.truth)
        finder = self._build_finder(cfg)
        regions = self._find_regions(images, finder, cfg)
        found = in_first_process(
            lambda: cluster_regions(
                [regions.path(name) for name in images.names],
                self.num_clusters,
                **self.clustering,
            )
        )
        first_label = finder.num_old_classes
        outputs = name_clusters(images.dataset.metainfo, self.num_clusters, first_label)
        palette = outputs['palette']
        self._write_labels(images, regions, found, first_label, palette, cfg)
        return in_first_process(
            lambda: self._report(images, finder, regions, found, truth, outputs, cfg)
        )

    def _build_finder(self, cfg: Config) -> NovelRegionFinder:
        model = load_stage_model(self.checkpoint, cfg.model).to(get_device()).eval()
        if model.num_classes + self.num_clusters > 255:
            raise ValueError(
                f'{model.num_classes} old classes and {self.num_clusters} clusters are '
                'too many for 8-bit label maps (255 in all)'
            )
        features = MaskedFeatures.for_model(model, **self.features).to(get_device())
        saliency = saliency_in_files(self.saliency, f'{cfg.work_dir}/saliency')
        return NovelRegionFinder(model, saliency, features, **self.thresholds)

    def _find_regions(
        self, images: Images, finder: NovelRegionFinder, cfg: Config
    ) -> ResultFolder:
        """Write a file of :class:`NovelRegion` for each image."""
        index = {name: i for i, name in enumerate(images.names)}
        settings = dict(
            checkpoint=self.checkpoint,
            model=stage_model_config(cfg.model),
            pipeline=dataset_pipeline(self.dataset),
            saliency=self.saliency,
            features=self.features,
            **self.thresholds,
        )

        def inputs(name: str) -> str:
            return content_digest(images.path(index[name]), finder.saliency.path(name))

        regions = RegionFolder(Path(cfg.work_dir, 'regions'), settings, inputs)

        def find(index: int) -> None:
            name = images.names[index]
            region = finder.find(images.photo(index), images[index], name)
            region._replace(inputs=inputs(name)).write(regions.path(name))

        images.for_each(find, 'Novel regions', finished=regions)
        return regions

    def _write_labels(
        self,
        images: Images,
        regions: ResultFolder,
        found: ClusteredImages,
        first_label: int,
        palette: Sequence[Sequence[int]],
        cfg: Config,
    ) -> None:
        """Write the label maps (EUMS, eq. 4) of all images that are kept."""
        clusters = dict(zip(found.kept, found.clusters.assignment, strict=True))

        def write(index: int) -> None:
            name = images.names[index]
            region = NovelRegion.read(regions.path(name))
            label = first_label + int(clusters[index])
            labels = fuse_labels(region.base, region.novel, label)
            path = Path(cfg.work_dir, 'labels', f'{name}.png')
            write_label_map(path, labels, palette)

        images.for_each(write, 'Label maps', found.kept)

    def _report(
        self,
        images: Images,
        finder: NovelRegionFinder,
        regions: ResultFolder,
        found: ClusteredImages,
        truth: Any,
        outputs: Mapping[str, Any],
        cfg: Config,
    ) -> dict[str, float]:
        """Write lists, summary and pictures; returns the metrics."""
        folder, seed = Path(cfg.work_dir), self.clustering['seed']
        names = [images.names[i] for i in found.kept]
        classes = None if truth is None else true_classes(truth, names, regions)
        metrics = dict(
            images=len(images),
            images_used=len(names),
            clusters=self.num_clusters,
            **measure(found.clusters, classes, seed),
        )
        write_lists(folder, images.names, found.decisions)
        settings = dict(first_label=finder.num_old_classes, **self.clustering)
        write_summary(folder, metrics, found, settings)
        if self.scatter is not None and len(names) > 2:
            write_cluster_scatter(
                folder / 'clusters.png',
                found.clusters.reduced,
                found.clusters.assignment,
                classes,
                None if truth is None else truth.metainfo,
                self.scatter,
                seed,
            )
        draw_panels(folder, finder, images, found.kept, self.panels, outputs)
        return metrics
