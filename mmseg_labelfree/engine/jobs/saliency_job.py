"""Job that makes the saliency maps of a data set."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mmcv
from mmengine.config import Config
from mmengine.dist import barrier
from mmseg.registry import DATASETS, TASK_UTILS

from .base import Job
from .image_work import image_names, own_share, tracked
from .saliency_sources import CachedSaliency


@TASK_UTILS.register_module()
class SaliencyJob(Job):
    """Write the saliency map of every image as 8-bit PNG, ``<image name>.png``.

    The images are split over the processes of a distributed run and, in each, over
    threads. Maps that are there are left, so that a stopped run goes on.

    Args:
        dataset (dict): Config of the data set; its pipeline is not used.
        source (dict): What makes the maps, such as ``NetworkSaliency``.
        out_dir (str, optional): Folder of the maps, for ``SaliencyFolder``. Default:
            ``saliency`` in the stage's ``work_dir``.
        num_threads (int): Threads of a process. NumPy, OpenCV and torch release the
            interpreter lock; a network on a GPU needs some for reading and writing.

    Example:
        ``job=dict(type='SaliencyJob', dataset=dict(type='DemoVOCDataset', ...),
        source=dict(type='RobustBackgroundSaliency'))``
    """

    def __init__(
        self,
        dataset: Mapping[str, Any],
        source: Mapping[str, Any],
        out_dir: str | None = None,
        num_threads: int = 4,
    ) -> None:
        if num_threads < 1:
            raise ValueError(f'num_threads must be 1 or more, not {num_threads}')
        self.dataset = dataset
        self.source = source
        self.out_dir = out_dir
        self.num_threads = num_threads

    def run(self, cfg: Config) -> dict[str, float]:
        """Make the maps.

        Returns:
            ``images``, the number of maps.
        """
        dataset = DATASETS.build(self.dataset)
        names = image_names(dataset)
        maps = CachedSaliency(self.source, self.out_dir or f'{cfg.work_dir}/saliency')
        share = [i for i in own_share(len(names)) if not maps.path(names[i]).is_file()]

        def make(index: int) -> None:
            path = dataset.get_data_info(index)['img_path']
            maps.saliency(mmcv.imread(path, backend='cv2'), names[index])

        with ThreadPoolExecutor(self.num_threads) as pool:
            jobs = [pool.submit(make, i) for i in share]
            try:
                for job in tracked(jobs, len(jobs), f'Saliency of {len(names)} images'):
                    job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        barrier()
        return dict(images=len(names))
