"""What the loaders of a training will give, looked at before anything trains."""

import os.path as osp
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import DATA_SAMPLERS, DATASETS, init_default_scope
from mmseg.evaluation import IoUMetric
from mmseg.registry import DATASETS as WRAPPERS
from mmseg.registry import METRICS
from torch.utils.data import DataLoader

from ...datasets.samplers import MultiSourceSampler
from ...datasets.splits.partition import Partition
from ...datasets.transforms.label_salient_pixels import check_saliency_maps
from ...datasets.wrappers.inner import explain_missing
from ...utils.choices import check_names, check_range
from .base import Stage
from .config_edit import find_nodes, find_texts
from .data_remarks import log_remarks
from .dataset_files import check_sizes, read_plain, read_wrapped
from .first_batch import first_samples, is_endless, least_batch
from .model_check import located
from .stage_classes import check_classes, check_outputs

__all__ = ['DataCheck', 'TrainingSize', 'data_is_there']


@dataclass(frozen=True)
class TrainingSize:
    """How much a training has to learn from.

    Attributes:
        images: Images of the dataset; of all sources.
        batches: Batches of a pass over them, in one process.
        least_batch: Images in the smallest of these.
        samples: One of each source, as the pipelines give it.
    """

    images: int
    batches: int
    least_batch: int = 1
    samples: Sequence[Mapping[str, Any]] = field(default=(), repr=False, compare=False)


class DataCheck:
    """Check of the loaders of trainings; datasets that several share are read once.

    A training whose loader gives no batch, or that ends before its first iteration,
    is refused, and so are masks and images that nothing else would look at before they
    are used: those of datasets without a wrapper of this package.
    """

    def __init__(self) -> None:
        self._read: dict[str, Any] = {}
        self._remarked: set[str] = set()

    def stages(self, stages: Sequence[Stage]) -> dict[str, TrainingSize]:
        """Check all stages whose data is known; those that wait for others are not.

        Returns:
            Sizes of the trainings by name of the stage.

        Raises:
            FileNotFoundError: Files of a dataset are missing.
            ValueError: A stage would train nothing, or on wrong masks; names it.
        """
        sizes = {}
        for stage in stages:
            if stage.is_job or waits_for_others(stage, stages):
                continue
            with located(stage.name):
                sizes[stage.name] = self.training(stage.cfg)
        return sizes

    def training(self, cfg: Config) -> TrainingSize:
        """Check the loaders for training and validation of one config.

        Raises:
            FileNotFoundError: Files of a dataset are missing.
            ValueError: The loader gives no batch, or masks are none.
        """
        init_default_scope(cfg.get('default_scope', 'mmengine'))
        _check_length(cfg)
        settings = cfg.train_dataloader
        with located('train_dataloader'):
            dataset = self.dataset(settings.dataset)
        check_sizes(dataset)
        check_saliency_maps(dataset)
        log_remarks(dataset, self._remarked)
        if cfg.get('val_dataloader') is not None:
            check_classes(dataset, self._shared(cfg.val_dataloader.dataset))
            with located('val_dataloader'):
                _draw(self.dataset(cfg.val_dataloader.dataset), cfg)
        check_outputs(cfg.get('model', {}), dataset)
        with located('train_dataloader'):
            loader = _loader(settings, dataset)
        if isinstance(loader.sampler, MultiSourceSampler):
            loader.sampler.check_loader(loader)
        batches = len(loader)
        endless = is_endless(loader.sampler)
        images = len(dataset)
        if endless and 'max_epochs' in cfg.train_cfg:
            raise ValueError(
                f'train_dataloader.sampler: {type(loader.sampler).__name__} never ends '
                'an epoch, so the first one of train_cfg.max_epochs would go on for '
                'ever: '
                + (
                    'set infinite=False'
                    if hasattr(loader.sampler, 'infinite')
                    else 'take SeededSampler or DefaultSampler'
                )
            )
        if batches == 0 and not (endless and images):
            advice = 'lower its batch_size, set drop_last=False, or add images'
            raise ValueError(
                f'train_dataloader gives no batch: {images} images for a batch of '
                f'{settings.get("batch_size", 1)}{_processes()}; '
                + (advice if images else 'check ann_file and data_prefix')
            )
        if endless and images < settings.get('batch_size', 1) * get_world_size():
            warnings.warn(
                f'the training data has {images} images, fewer than a batch: they are '
                'repeated in it',
                stacklevel=2,
            )
        with located('train_dataloader'):
            samples = first_samples(loader)
        return TrainingSize(images, max(batches, 1), least_batch(loader), samples)

    def dataset(self, config: Mapping[str, Any]) -> Any:
        """Build a dataset; what it wraps is read once and checked."""
        shared = self._shared(config)
        return DATASETS.build(shared) if isinstance(shared, Mapping) else shared

    def classes(self, config: Mapping[str, Any]) -> list[str]:
        """Classes of a dataset; none where files have yet to be made for it."""
        shared = self._shared(config)
        if isinstance(shared, Mapping):
            shared = DATASETS.build(dict(shared, lazy_init=True))
        return list(getattr(shared, 'metainfo', {}).get('classes') or [])

    def _shared(self, config: Mapping[str, Any], wrapper: str = '') -> Any:
        """A config with its innermost datasets built, or one of these."""
        if 'datasets' in config:
            return dict(config, datasets=[self._shared(c) for c in config['datasets']])
        if 'dataset' in config:
            inner = config['dataset']
            if config.get('partition'):
                inner = Partition(**config['partition']).of_all(inner)
            return dict(config, dataset=self._shared(inner, config['type']))
        classes = (config.get('metainfo') or {}).get('classes')
        if not (isinstance(classes, str) and osp.isfile(classes)):
            check_names(**{'metainfo.classes': classes})
        key = f'{wrapper} {dict(config)!r}'
        if key not in self._read:
            with explain_missing(config):
                own = _is_ours(wrapper)
                self._read[key] = read_wrapped(config) if own else read_plain(config)
        return self._read[key]


def data_is_there(cfg: Config) -> bool:
    """Whether the data folders of a config's training exist; none is made."""
    roots = [node.get('data_root') for node in find_nodes(cfg.train_dataloader)]
    return all(osp.isdir(root) for root in roots if root)


def waits_for_others(stage: Stage, stages: Sequence[Stage]) -> bool:
    """Whether a stage's data is made by stages that have not run."""
    folders = [other.cfg.work_dir for other in stages if other is not stage]
    data = stage.cfg.job if stage.is_job else stage.cfg.train_dataloader
    return any(
        text.startswith(f'{folder}/') and not osp.exists(text)
        for text in find_texts(data)
        for folder in folders
    )


def _is_ours(wrapper: str) -> bool:
    found = WRAPPERS.get(wrapper) if wrapper else None
    return 'mmseg_labelfree' in getattr(found, '__module__', '')


def _processes() -> str:
    number = get_world_size()
    return f' in each of {number} processes' if number > 1 else ''


def _check_length(cfg: Config) -> None:
    for key in ('max_iters', 'max_epochs', 'val_interval'):
        if key in cfg.train_cfg:
            check_range(1, **{f'train_cfg.{key}': cfg.train_cfg[key]})


def _loader(settings: Mapping[str, Any], dataset: Any) -> DataLoader:
    """A loader that works in this process."""
    sampler = DATA_SAMPLERS.build(
        settings['sampler'], default_args=dict(dataset=dataset, seed=0)
    )
    return DataLoader(
        dataset,
        settings.get('batch_size', 1),
        sampler=sampler,
        drop_last=settings.get('drop_last', False),
    )


def _draw(dataset: Any, cfg: Config) -> None:
    """Run a pipeline of validation once: it may fail after hours otherwise."""
    if not len(dataset) or 'gt_sem_seg' in dataset[0].get('data_samples', ()):
        return
    if any(issubclass(kind, IoUMetric) for kind in _metrics(cfg)):
        raise ValueError(
            'its pipeline loads no labels, which val_evaluator compares with: add '
            "dict(type='LoadAnnotations')"
        )


def _metrics(cfg: Config) -> list[type]:
    """Classes of the metrics of a validation."""
    found = cfg.get('val_evaluator') or []
    several = found if isinstance(found, list | tuple) else [found]
    return [METRICS.get(settings['type']) for settings in several]
