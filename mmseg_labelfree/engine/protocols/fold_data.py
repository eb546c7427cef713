"""Dataset configs of the stages of novel class discovery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from ...datasets.splits.class_tasks import ClassTask
from .base import DataPart


@dataclass(frozen=True)
class FoldData:
    """Maker of ``NovelClassDataset`` configs from that of the base training.

    Attributes:
        dataset: Config of the base training's ``NovelClassDataset``.
        plain_pipeline: Pipeline without augmentation.
        clustering: Folder of the clustering stage.
        settings: ``fold`` and ``num_clusters``.
    """

    dataset: Mapping[str, Any]
    plain_pipeline: Sequence[Mapping[str, Any]]
    clustering: str
    settings: Mapping[str, Any]

    def mixed(self, **lists: str) -> dict[str, Any]:
        """Config of the base images and of listed novel images, by source."""
        novel = [
            self._part('novel', source=source, image_list=names, labels=self._labels)
            for source, names in lists.items()
        ]
        base = self._part('base', source='base')
        return dict(type='ConcatDataset', datasets=[base, *novel])

    def plain(self, **settings: Any) -> dict[str, Any]:
        """Config of the novel images without augmentation."""
        part = self._part('novel', **settings)
        part['dataset'] = dict(
            part['dataset'], pipeline=self.plain_pipeline, test_mode=True
        )
        return part

    def clustered(self) -> dict[str, Any]:
        """Config of all images that the clustering kept, under its labels, likewise."""
        names = f'{self.clustering}/images.txt'
        return self.plain(labels=self._labels, image_list=names)

    def truth(self) -> dict[str, Any]:
        """Config of all images under the labels of all classes, at the masks' size."""
        part = dict(self.dataset, subset='val', fold=self.settings['fold'])
        pipeline = [step for step in self.plain_pipeline if step['type'] != 'Resize']
        part['dataset'] = dict(part['dataset'], pipeline=pipeline, test_mode=True)
        return part

    @property
    def _labels(self) -> str:
        return f'{self.clustering}/labels'

    def _part(self, subset: str, **settings: Any) -> dict[str, Any]:
        return dict(self.dataset, subset=subset, **self.settings, **settings)


def check_fold_config(cfg: Config) -> None:
    """Raise if a config is not one of novel class discovery.

    Raises:
        ValueError: A loader has another dataset, or there is no ``plain_pipeline``.
    """
    for loader in ('train_dataloader', 'val_dataloader'):
        if cfg[loader].dataset.get('type') != 'NovelClassDataset':
            raise ValueError(
                f'{cfg.filename}: NovelClassDiscoveryProtocol needs {loader}.'
                "dataset=dict(type='NovelClassDataset', dataset=...)"
            )
    if 'plain_pipeline' not in cfg:
        raise ValueError(
            f'{cfg.filename} has no plain_pipeline: clustering and ranking need a '
            'pipeline without augmentation that gives image and label map one size'
        )


def fold_parts(cfg: Config, fold: ClassTask, setting: Any) -> list[DataPart]:
    """Images of base training, base and novel images, and base validation.

    Args:
        cfg: The whole config.
        fold: The fold.
        setting: How the config names it.
    """
    base, novel = fold.new(0), fold.new(1)
    parts = []
    for name, text, subset, classes in (
        ('mixed', 'training images with a base class: base training', 'base', ()),
        ('base', 'training images with base classes and no novel one', 'base', base),
        ('novel', 'training images with a novel class', 'novel', novel),
        ('val', 'validation images with a base class', 'base', ()),
    ):
        training = name != 'val'
        loader = cfg.train_dataloader if training else cfg.val_dataloader
        mixed = name in ('mixed', 'val')
        dataset = dict(loader.dataset, subset=subset, fold=setting, mixed_images=mixed)
        parts.append(DataPart(name, text, dataset, training, classes))
    return parts
