"""Job that clusters a backbone's features by k-means."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_dist_info
from mmengine.runner import Runner
from mmseg.models import EncoderDecoder
from mmseg.registry import TASK_UTILS
from torch import Tensor, nn

from ...evaluation import clustering_metrics
from ...models.decode_heads import ClusteringHead
from ...models.utils.embedding_samples import embedding_samples
from ...ops.collectives import rows_of_all_processes
from ...utils.choices import check_range
from ...utils.cluster_names import store_output_meta
from ...utils.distributed import bare_model, fail_together, in_first_process
from ...utils.files import atomic_path, write_text
from ...utils.progress import tracked
from .base import Job, dataset_pipeline
from .result_folder import ResultFolder

__all__ = ['KMeansJob']

NUM_INIT = 5  # starts of k-means, of which the best is used


@TASK_UTILS.register_module()
class KMeansJob(Job):
    """Job that clusters pixel embeddings by k-means and scores the clusters.

    The baseline of IDDC's table 6: the pixel embeddings that the method starts from,
    without any learning. Nearest centroids are a linear classifier, with the centroid
    as weight and minus half its squared length as bias, so the result is a
    checkpoint of the config's own model with a linear ``ClusteringHead``, and
    ``tools/test.py`` scores it as it scores the others. It is ``kmeans.pth`` in the
    work dir, with the matching of the score; where it exists it is only scored. Any
    number of processes makes the same.

    Args:
        num_images: Images to take pixels from. Defaults to the training data once.
        per_image: Pixels of each of them.
        seed: Seed of the choice of pixels and of the centroids.

    Raises:
        ValueError: The head is not linear, there are fewer pixels than clusters, or
            ``kmeans.pth`` was made with other settings.

    Example:
        ``job=dict(type='KMeansJob', num_images=2000)``
    """

    def __init__(
        self, num_images: int | None = None, per_image: int = 64, seed: int = 0
    ) -> None:
        check_range(1, per_image=per_image)
        if num_images is not None:
            check_range(1, num_images=num_images)
        self.num_images = num_images
        self.per_image = per_image
        self.seed = seed

    def run(self, cfg: Config) -> dict[str, float]:
        """Fit, write the checkpoint and test; returns the metrics of the test.

        Args:
            cfg: A config of a ``DiscriminativeClusteringSegmentor``.
        """
        settings = dict(
            model=cfg.model,
            pipeline=dataset_pipeline(cfg.train_dataloader.dataset),
            randomness=cfg.get('randomness'),
            num_images=self.num_images,
            per_image=self.per_image,
            seed=self.seed,
        )
        results = ResultFolder(cfg.work_dir, settings, '.pth')
        path = results.path('kmeans')
        cfg = cfg.copy()
        cfg.resume = False
        cfg.load_from = str(path) if 'kmeans' in results else None
        runner = Runner.from_cfg(cfg)
        if cfg.load_from is None:
            self._fit(runner, cfg)
            in_first_process(lambda: _write(path, bare_model(runner.model)))
        metrics = runner.test()
        for metric in clustering_metrics(runner.test_loop.evaluator):
            if metric.output_meta is not None:  # in the first process
                store_output_meta(path, metric.output_meta)
        return metrics

    def _fit(self, runner: Runner, cfg: Config) -> None:
        """Make the centroids the weights of the model's classifier."""
        model: EncoderDecoder = bare_model(runner.model)
        head = model.decode_head
        if not isinstance(head, ClusteringHead) or len(head.convs):
            raise ValueError(
                'KMeansJob needs model.decode_head=dict(type='
                "'ClusteringHead', kernel_sizes=()), whose weights are the centroids"
            )
        model.init_weights()
        rows = self._embeddings(runner, cfg)
        centers = in_first_process(lambda: self._cluster(rows, head.num_classes))
        centers = centers.to(next(head.parameters()).device)
        with torch.no_grad():
            head.conv_seg.weight.copy_(centers[:, :, None, None])
            head.conv_seg.bias.copy_(-centers.square().sum(1) / 2)

    def _embeddings(self, runner: Runner, cfg: Config) -> Tensor:
        """Pixels of all processes ``(P, D)``, on the CPU, in the order of one."""
        loader = runner.build_dataloader(cfg.train_dataloader, seed=runner.seed)
        size = cfg.train_dataloader.batch_size
        images = self._whole_batches(loader, size) * size
        rank, processes = get_dist_info()
        steps = -(-images // (size * processes))
        model: EncoderDecoder = bare_model(runner.model)
        batches = islice(
            embedding_samples(model, loader, self.per_image, self.seed), steps
        )
        with fail_together():
            found = torch.cat(
                [rows for rows, _ in tracked(batches, 'Embedding pixels', steps)]
            )
        device = next(model.parameters()).device
        places = torch.arange(len(found), device=device) * processes + rank
        places, rows = rows_of_all_processes(places, found.to(device))
        return rows[places.argsort()][:images].flatten(0, 1).cpu()

    def _whole_batches(self, loader: Any, size: int) -> int:
        """Batches of ``size`` images that a single process takes, 1 or more."""
        images = len(loader.dataset)
        there = images // size if loader.drop_last else -(-images // size)
        return max(1, min(-(-(self.num_images or images) // size), there))

    def _cluster(self, rows: Tensor, num_clusters: int) -> Tensor:
        """Centroids ``(K, D)`` of the rows, float32."""
        from sklearn.cluster import MiniBatchKMeans  # takes a second to import

        if len(rows) < num_clusters:
            raise ValueError(
                f'{len(rows)} pixels are too few for {num_clusters} clusters: raise '
                'num_images or per_image of KMeansJob'
            )
        kmeans = MiniBatchKMeans(
            num_clusters, batch_size=4096, n_init=NUM_INIT, random_state=self.seed
        ).fit(rows.numpy())
        return torch.from_numpy(kmeans.cluster_centers_.astype(np.float32))


def _write(path: Path, model: nn.Module) -> None:
    """Write a checkpoint and the pointer that ``load_weights`` follows to it."""
    write_text(path.with_name('last_checkpoint'), str(path))
    with atomic_path(path) as temporary:
        content = dict(state_dict=model.state_dict(), meta=dict(job='kmeans'))
        torch.save(content, temporary)
