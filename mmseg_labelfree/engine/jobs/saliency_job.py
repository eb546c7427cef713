"""Job that writes the saliency maps of a dataset."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from .base import ImageJob, Images
from .saliency_sources import CachedSaliency

__all__ = ['SaliencyJob']


@TASK_UTILS.register_module()
class SaliencyJob(ImageJob):
    """Job that writes the saliency map of every image, ``<image name>.png``, 8 bits.

    The images are split over the processes of a distributed run and, in each, over
    threads. Maps that exist are kept, so that a stopped run continues; maps of another
    source are refused, see :class:`CachedSaliency`.

    Args:
        dataset: Config of the dataset, whose pipeline says how photos are loaded.
        source: What makes the maps, such as ``NetworkSaliency``.
        out_dir: Folder of the maps, for ``SaliencyFolder``. Defaults to ``saliency`` in
            the stage's ``work_dir``.
        num_threads: Threads of a process. NumPy, OpenCV and torch release the
            interpreter lock; a network on a GPU needs some for reading and writing.

    Raises:
        ValueError: ``num_threads`` is below 1, or the folder holds other maps.

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
        super().__init__(dataset)
        if num_threads < 1:
            raise ValueError(f'num_threads must be 1 or more, not {num_threads}')
        self.source = source
        self.out_dir = out_dir
        self.num_threads = num_threads

    def run_on(self, images: Images, cfg: Config) -> dict[str, float]:
        """Make the maps.

        Returns:
            ``images``, the number of maps.
        """
        maps = CachedSaliency(self.source, self.out_dir or f'{cfg.work_dir}/saliency')

        def make(index: int) -> None:
            maps.saliency(images.photo(index), images.names[index])

        images.for_each(
            make, 'Saliency', finished=maps.results, num_threads=self.num_threads
        )
        return dict(images=len(images))
