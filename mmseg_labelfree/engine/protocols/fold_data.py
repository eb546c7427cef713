"""Configs of the datasets that the stages of novel class discovery take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FoldData:
    """Makes configs of ``NovelClassDataset`` from that of the base training.

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
        """Base images, and the novel ones of a list of names for each source."""
        novel = [
            self._part('novel', source=source, image_list=names, labels=self._labels)
            for source, names in lists.items()
        ]
        base = self._part('base', source='base')
        return dict(type='ConcatDataset', datasets=[base, *novel])

    def plain(self, **settings: Any) -> dict[str, Any]:
        """Novel images without augmentation."""
        part = self._part('novel', **settings)
        part['dataset'] = dict(
            part['dataset'], pipeline=self.plain_pipeline, test_mode=True
        )
        return part

    def clustered(self) -> dict[str, Any]:
        """All images that the clustering kept, under its labels, likewise."""
        names = f'{self.clustering}/images.txt'
        return self.plain(labels=self._labels, image_list=names)

    def truth(self) -> dict[str, Any]:
        """All images under the labels of all classes, at the size of the masks."""
        part = dict(self.dataset, subset='val', fold=self.settings['fold'])
        pipeline = [step for step in self.plain_pipeline if step['type'] != 'Resize']
        part['dataset'] = dict(part['dataset'], pipeline=pipeline, test_mode=True)
        return part

    @property
    def _labels(self) -> str:
        return f'{self.clustering}/labels'

    def _part(self, subset: str, **settings: Any) -> dict[str, Any]:
        return dict(self.dataset, subset=subset, **self.settings, **settings)
