"""What the loaders of a training will give, looked at before anything trains."""

import math
import os.path as osp
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.registry import DATA_SAMPLERS, DATASETS, init_default_scope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS as WRAPPERS
from torch.utils.data import DataLoader

from ...datasets.mask_check import count_values, reads_masks
from ...datasets.samplers import MultiSourceSampler
from ...datasets.size_check import check_pairs
from ...datasets.splits.partition import Partition
from ...datasets.transforms.check_mask import turns_photos
from ...datasets.transforms.label_salient_pixels import check_saliency_maps
from ...datasets.transforms.pipelines import transforms_of
from ...datasets.transforms.weak.loader import WeakAnnotationLoader
from ...datasets.wrappers.concat_dataset import ConcatDataset
from ...datasets.wrappers.inner import build_inner, explain_missing
from ...datasets.wrappers.source_dataset import SourceDataset
from ...utils.choices import check_names, check_range
from ..hooks.cluster_monitor_hook import check_clusters
from .base import Stage
from .config_edit import find_nodes
from .data_remarks import log_remarks
from .model_check import located

__all__ = ['DataCheck', 'TrainingSize', 'data_is_there']


@dataclass(frozen=True)
class TrainingSize:
    """How much a training has to learn from.

    Attributes:
        images: Images of the dataset; of all sources.
        batches: Batches of a pass over them, in one process.
    """

    images: int
    batches: int


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
        dataset = self.dataset(settings.dataset)
        check_sizes(dataset)
        check_saliency_maps(dataset)
        log_remarks(dataset, self._remarked)
        if cfg.get('val_dataloader') is not None:
            _check_classes(dataset, self._shared(cfg.val_dataloader.dataset))
        _check_outputs(cfg.get('model', {}), dataset)
        sampler = DATA_SAMPLERS.build(
            settings.sampler, default_args=dict(dataset=dataset, seed=0)
        )
        loader = DataLoader(
            dataset,
            settings.get('batch_size', 1),
            sampler=sampler,
            drop_last=settings.get('drop_last', False),
        )
        if isinstance(sampler, MultiSourceSampler):
            sampler.check_loader(loader)
        batches = len(loader)
        endless = isinstance(sampler, InfiniteSampler) or getattr(
            sampler, 'infinite', False
        )
        images = len(dataset)
        by_epoch = 'max_epochs' in cfg.train_cfg
        if batches == 0 and not (endless and images and not by_epoch):
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
        return TrainingSize(images, max(batches, 1))

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
                self._read[key] = _read_wrapped(config) if own else _read_plain(config)
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
        for text in _texts(data)
        for folder in folders
    )


def _texts(node: Any) -> Iterator[str]:
    """All text in a nested config."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value)


def _check_outputs(model: Mapping[str, Any], dataset: Any) -> None:
    """Check that a plain training has an output for each class of its labels."""
    head = model.get('decode_head')
    if not isinstance(head, Mapping) or not _is_plain(dataset):
        return  # several heads; some classes of a task
    outputs = head.get('num_classes') or math.inf
    if 'classes' in head:
        return  # the head looks them up by their names
    parts = getattr(dataset, 'datasets', [dataset])
    labeled = [part for part in parts if getattr(part, 'labeled', True)]
    classes = labeled[0].metainfo.get('classes') or [] if labeled else []
    if 'pairwise_loss' in model:
        check_clusters(outputs, classes)
    elif outputs < len(classes):
        raise ValueError(
            f'model.decode_head.num_classes={outputs}, but the training data has '
            f'{len(classes)} classes ({", ".join(classes[:3])}, ...): set '
            f'num_classes={len(classes)} in all heads'
        )


def _is_plain(dataset: Any) -> bool:
    """Whether a dataset gives the labels that its files have."""
    plain = type(dataset) in (SourceDataset, ConcatDataset)
    return plain or isinstance(dataset, BaseSegDataset)


def _check_classes(trained: Any, scored: Any) -> None:
    """Check that validation data has the classes that a plain training learns."""
    if not _is_plain(trained):
        return  # it has some classes of a task
    learned, found = (
        list(getattr(dataset, 'metainfo', {}).get('classes') or [])
        for dataset in (trained, scored)
    )
    if learned and found and learned != found:
        raise ValueError(
            'val_dataloader has not the classes that are trained: it lacks '
            f'{[name for name in learned if name not in found]} and has '
            f'{[name for name in found if name not in learned]} besides; give both the '
            'same ones in one order, by metainfo=dict(classes=[...])'
        )


def _is_ours(wrapper: str) -> bool:
    found = WRAPPERS.get(wrapper) if wrapper else None
    return 'mmseg_labelfree' in getattr(found, '__module__', '')


def _processes() -> str:
    number = get_world_size()
    return f' in each of {number} processes' if number > 1 else ''


def _check_length(cfg: Config) -> None:
    for key in ('max_iters', 'max_epochs'):
        if key in cfg.train_cfg:
            check_range(1, **{f'train_cfg.{key}': cfg.train_cfg[key]})


def _read_wrapped(config: Mapping[str, Any]) -> BaseSegDataset:
    """Read a dataset for a wrapper of this package, which will check its masks."""
    dataset = build_inner(dict(config))
    try:
        _read_list(dataset)
    except ValueError:
        pass  # the wrapper says it better
    return dataset


def _read_plain(config: Mapping[str, Any]) -> Any:
    """Read a dataset, and check its images and masks."""
    kind = WRAPPERS.get(config['type']) if isinstance(config['type'], str) else None
    if not (isinstance(kind, type) and issubclass(kind, BaseSegDataset)):
        return DATASETS.build(dict(config))
    dataset = DATASETS.build(dict(config, lazy_init=True))
    _read_list(dataset)
    if dataset.backend_args is None:
        for i in range(len(dataset)):
            _check_image(dataset, i)
        if reads_masks(dataset.pipeline):
            count_values(dataset, dataset.pipeline)
        check_sizes(dataset)
        _check_annotations(dataset)
    return dataset


def check_sizes(dataset: Any) -> None:
    """Check the sizes of the masks that a dataset, or each part of it, reads."""
    for part in getattr(dataset, 'datasets', [dataset]):
        inner = getattr(part, 'dataset', part)
        if not isinstance(inner, BaseSegDataset) or not reads_masks(inner.pipeline):
            continue
        infos = [part.get_data_info(i) for i in range(len(part))]
        pairs = [(info['img_path'], info['seg_map_path']) for info in infos]
        if inner.backend_args is None and all(
            map(osp.isfile, chain.from_iterable(pairs))
        ):
            check_pairs(pairs, turns_photos(inner.pipeline))


def _check_annotations(dataset: BaseSegDataset) -> None:
    """Check that no two images share points or scribbles."""
    for transform in transforms_of(dataset.pipeline):
        if isinstance(transform, WeakAnnotationLoader):
            for i in range(len(dataset)):
                transform.image_id(dataset.get_data_info(i)['img_path'])


def _read_list(dataset: BaseSegDataset) -> None:
    dataset.serialize_data = False  # for workers, and takes longest
    dataset.full_init()


def _check_image(dataset: BaseSegDataset, index: int) -> None:
    image = dataset.get_data_info(index)['img_path']
    if not osp.isfile(image):
        raise ValueError(
            f'{type(dataset).__name__}: {image} does not exist, image {index + 1} of '
            f'{dataset.ann_file or "its folder"}; correct the list, img_suffix or '
            'data_prefix'
        )
