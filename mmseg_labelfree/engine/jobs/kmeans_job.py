"""k-means on a backbone's features, as a checkpoint."""

import os
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner
from mmseg.registry import TASK_UTILS
from rich.progress import track
from torch import Tensor

from ...models.decode_heads import ClusteringHead
from ...models.utils.embedding_samples import embedding_samples
from ...ops.collectives import num_processes, rows_of_all_processes
from ...utils.distributed import bare_model
from ...utils.files import atomic_path, write_text
from .base import Job

__all__ = ['KMeansJob']


@TASK_UTILS.register_module()
class KMeansJob(Job):
    """Cluster the embeddings by k-means and score the clusters.

    The baseline of IDDC's table 6: the pixel embeddings that the method starts from,
    without any learning. Nearest centroids are a linear classifier, with the centroid
    as weight and minus half its squared length as bias, so the result is a
    checkpoint of the config's own model with a linear ``ClusteringHead``, and
    ``tools/test.py`` scores it as it scores the others. It is ``kmeans.pth`` in the
    work dir; where it exists it is only scored.

    Args:
        num_images (int, optional): Images to take pixels from. Default: the training
            data once.
        per_image (int): Pixels of each of them.
        seed (int): Of the choice of pixels and of the centroids.
        n_init (int): Restarts of the initialisation, of which the best is used.

    Raises:
        ValueError: The head is not linear, or there are fewer pixels than clusters.

    Example:
        ``job=dict(type='KMeansJob', num_images=2000)``
    """

    def __init__(
        self,
        num_images: int | None = None,
        per_image: int = 64,
        seed: int = 0,
        n_init: int = 5,
    ) -> None:
        self.num_images = num_images
        self.per_image = per_image
        self.seed = seed
        self.n_init = n_init

    def run(self, cfg: Config) -> dict[str, float]:
        """Fit, write the checkpoint and test; returns the metrics of the test.

        Args:
            cfg: A config of a ``DiscriminativeClusteringSegmentor``.
        """
        path = Path(cfg.work_dir) / 'kmeans.pth'
        cfg = cfg.copy()
        cfg.resume = False
        cfg.load_from = str(path) if path.is_file() else None
        runner = Runner.from_cfg(cfg)
        if cfg.load_from is None:
            self._fit(runner, cfg, path)
        return runner.test()

    def _fit(self, runner: Runner, cfg: Config, path: Path) -> None:
        from sklearn.cluster import MiniBatchKMeans  # takes a second to import

        model = bare_model(runner.model)
        head = model.decode_head
        if not isinstance(head, ClusteringHead) or len(head.convs):
            raise ValueError(
                'KMeansJob needs model.decode_head=dict(type='
                "'ClusteringHead', kernel_sizes=()), whose weights are the centroids"
            )
        model.init_weights()
        rows = self._embeddings(runner, cfg)
        centres = torch.empty(head.num_classes, rows.shape[1])
        if is_main_process():
            if len(rows) < head.num_classes:
                raise ValueError(
                    f'{len(rows)} pixels are too few for {head.num_classes} clusters: '
                    'raise num_images or per_image of KMeansJob'
                )
            kmeans = MiniBatchKMeans(
                head.num_classes,
                batch_size=4096,
                n_init=self.n_init,
                random_state=self.seed,
            ).fit(rows.numpy())
            centres = torch.from_numpy(kmeans.cluster_centers_.astype(np.float32))
        device = next(head.parameters()).device
        centres = centres.to(device)
        if num_processes() > 1:
            torch.distributed.broadcast(centres, 0)
        with torch.no_grad():
            head.conv_seg.weight.copy_(centres[:, :, None, None])
            head.conv_seg.bias.copy_(-centres.square().sum(1) / 2)
        if is_main_process():
            temporary = atomic_path(path)
            content = dict(state_dict=model.state_dict(), meta=dict(job='kmeans'))
            torch.save(content, temporary)
            os.replace(temporary, path)
            write_text(path.with_name('last_checkpoint'), str(path))
        barrier()

    def _embeddings(self, runner: Runner, cfg: Config) -> Tensor:
        """Pixels of all processes ``(P, D)``, on the CPU."""
        loader = runner.build_dataloader(cfg.train_dataloader, seed=runner.seed)
        images = self.num_images or len(loader.dataset)
        batch_size = loader.batch_size * num_processes()
        steps = min(-(-images // batch_size), len(loader))
        model = bare_model(runner.model)
        samples = embedding_samples(model, loader, self.per_image, self.seed)
        found = []
        bar = track(
            zip(range(steps), samples, strict=False),
            'Embedding pixels',
            total=steps,
            disable=not is_main_process(),
        )
        for _, (rows, _) in bar:
            found.append(rows.flatten(0, 1))
        device = next(model.parameters()).device
        (rows,) = rows_of_all_processes(torch.cat(found).to(device))
        return rows.cpu()
