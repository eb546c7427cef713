"""Base classes of jobs, and the images that they work on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, TASK_UTILS

from ...datasets.damaged_files import load_image
from ...datasets.transforms.pipelines import transforms_of
from ...utils.distributed import connect_processes, fail_together, own_share
from ...utils.files import image_name
from ...utils.photos import to_bytes
from ...utils.progress import tracked

__all__ = [
    'ImageJob',
    'Images',
    'Job',
    'dataset_pipeline',
    'image_names',
    'innermost',
    'run_job',
]


class Job(ABC):
    """Base class of jobs, the stages that do not train; built from ``cfg.job``.

    Subclasses are registered in ``TASK_UTILS``. A job runs in every process of a
    distributed run and has to go on after a stop: what it has written is not made
    again, see :class:`~mmseg_labelfree.engine.jobs.ResultFolder`.
    """

    def check(self, cfg: Config) -> None:  # noqa: B027 (optional)
        """Raise if files that the job needs are missing, before any stage runs.

        Args:
            cfg: The stage's config.
        """

    @abstractmethod
    def run(self, cfg: Config) -> dict[str, float]:
        """Do the work.

        Args:
            cfg: The stage's config; results belong in ``cfg.work_dir``.

        Returns:
            Metrics for the report.
        """


def run_job(cfg: Config) -> dict[str, float]:
    """Build ``cfg.job`` and run it.

    Args:
        cfg: Config of a stage with a job. With a launcher the processes are connected
            first, if no Runner has done that.

    Returns:
        The job's metrics.
    """
    connect_processes(cfg)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    metrics = TASK_UTILS.build(cfg.job).run(cfg)
    return {name: float(value) for name, value in metrics.items()}


def innermost(dataset: Any) -> Any:
    """Return the dataset below all wrappers."""
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return dataset


def image_names(dataset: Any) -> list[str]:
    """List the image names of a dataset: paths below the image folder, without ending.

    Args:
        dataset: ``BaseSegDataset``, or a wrapper of one.

    Raises:
        ValueError: Two images have one name, or one lies outside of the folder.
    """
    folder = innermost(dataset).data_prefix.get('img_path')
    files: dict[str, str] = {}
    for i in range(len(dataset)):
        file = dataset.get_data_info(i)['img_path']
        name = image_name(file, folder)
        if name.startswith('..'):
            raise ValueError(
                f'{file} is not below the image folder {folder}, so the files of its '
                'results would not be in theirs; correct data_prefix.img_path'
            )
        if name in files:
            raise ValueError(
                f'two images have the name {name}: {files[name]} and {file}; rename '
                'one, or leave it out of the ann_file'
            )
        files[name] = file
    return list(files)


def dataset_pipeline(config: Mapping[str, Any] | None) -> Any:
    """Find the pipeline in the config of a dataset, below all wrappers.

    Returns:
        The transforms; None if there are none, or several datasets.
    """
    while config and 'dataset' in config:
        config = config['dataset']
    return config and config.get('pipeline')


class Images:
    """The images of a dataset, by index and by name, shared by all processes.

    Args:
        dataset: ``BaseSegDataset``, or a wrapper of one.

    Attributes:
        names: Name of each image, see :func:`image_names`.

    Raises:
        ValueError: Two images have one name.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.names = image_names(dataset)
        transforms = transforms_of(getattr(innermost(dataset), 'pipeline', []))
        loaders = [t for t in transforms if isinstance(t, LoadImageFromFile)]
        self._load = loaders[0] if loaders else LoadImageFromFile()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return what the dataset's pipeline gives for an image."""
        return self.dataset[index]

    def path(self, index: int) -> str:
        """Return the file of an image."""
        return self.dataset.get_data_info(index)['img_path']

    def photo(self, index: int) -> np.ndarray:
        """Read the photo of an image as the dataset's pipeline does.

        Returns:
            uint8 ``(H, W, 3)``, BGR; turned by its EXIF tag if the pipeline does that.

        Raises:
            ValueError: The file is damaged, or has other channels or values than those
                of 8 bits.
        """
        path = self.path(index)
        photo = load_image(self._load, path)['img']
        try:
            return to_bytes(photo)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None

    def for_each(
        self,
        work: Callable[[int], Any],
        what: str,
        indices: Sequence[int] | None = None,
        finished: Container[str] = (),
        num_threads: int = 1,
    ) -> None:
        """Work on images, each process on its share, behind one progress bar.

        All processes end together, with an error if one of them fails.

        Args:
            work: Is called with the index of an image; must not wait for other
                processes.
            what: Text of the progress bar.
            indices: Images to work on. Defaults to all.
            finished: Names of images to leave out, such as a ``ResultFolder``. May
                grow while other processes work.
            num_threads: Threads that call ``work``; with 1 this one does.
        """
        todo = range(len(self)) if indices is None else indices
        own = [todo[i] for i in own_share(len(todo))]
        own = [index for index in own if self.names[index] not in finished]
        with fail_together(), ThreadPoolExecutor(num_threads) as pool:
            results: Iterable = (map if num_threads == 1 else pool.map)(work, own)
            for _ in tracked(results, f'{what} of {len(todo)} images', len(own)):
                pass


class ImageJob(Job):
    """Base class of jobs over the images of a dataset.

    Args:
        dataset: Config of the dataset. Defaults to that of the stage's training data.
    """

    def __init__(self, dataset: Mapping[str, Any] | None = None) -> None:
        self.dataset = dataset

    def build_dataset(self, cfg: Config) -> Any:
        """Build the dataset."""
        return DATASETS.build(self.dataset or cfg.train_dataloader.dataset)

    def run(self, cfg: Config) -> dict[str, float]:
        """Build the dataset and do the work; see :meth:`run_on`."""
        return self.run_on(Images(self.build_dataset(cfg)), cfg)

    @abstractmethod
    def run_on(self, images: Images, cfg: Config) -> dict[str, float]:
        """Do the work.

        Args:
            images: The images of the dataset.
            cfg: The stage's config; results belong in ``cfg.work_dir``.

        Returns:
            Metrics for the report.
        """
