"""Labeled and unlabeled images of different datasets side by side."""

import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import ConcatDataset, MultiSourceSampler

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def part(tmp_path):
    def make(kind, labeled, **settings):
        folder = tmp_path / f'{kind}_{labeled}'
        for name in ('images', 'masks'):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(3):
            Image.new('RGB', (8, 8)).save(folder / f'images/{i}.jpg')
            if labeled:
                Image.new('L', (8, 8), i).save(folder / f'masks/{i}.png')
        prefix = dict(img_path='images') | (
            dict(seg_map_path='masks') if labeled else {}
        )
        inner = dict(
            type=kind,
            data_root=str(folder),
            data_prefix=prefix,
            pipeline=PIPELINE,
            img_suffix='.jpg',
            **settings,
        )
        source = 'labeled' if labeled else 'unlabeled'
        return dict(type='SourceDataset', source=source, labeled=labeled, dataset=inner)

    return make


@pytest.mark.parametrize(
    'other',
    [
        dict(kind='BaseSegDataset'),
        dict(kind='BaseSegDataset', metainfo=dict(classes=('a', 'b'))),
        dict(kind='CityscapesDataset'),
        dict(kind='ADE20KDataset'),
        dict(kind='CamVidDataset'),
    ],
    ids=lambda o: f'{o["kind"]}{len(o)}',
)
@pytest.mark.parametrize('first', ['labeled', 'unlabeled'])
def test_unlabeled_images_of_any_dataset(part, other, first):
    parts = [part('CamVidDataset', True), part(labeled=False, **other)]
    parts = parts if first == 'labeled' else parts[::-1]
    dataset = DATASETS.build(dict(type='ConcatDataset', datasets=parts))
    assert isinstance(dataset, ConcatDataset)
    assert dataset.metainfo['classes'][0] == 'sky'
    assert len(dataset) == 6
    sources = [dataset[i]['data_samples'].metainfo['source'] for i in range(6)]
    expected = ['labeled'] * 3 + ['unlabeled'] * 3
    assert sources == (expected if first == 'labeled' else expected[::-1])
    sampler = MultiSourceSampler(dataset, dict(labeled=1, unlabeled=1), seed=0)
    drawn = [int(i) for i, _ in zip(iter(sampler), range(4), strict=False)]
    assert [sources[i] for i in drawn] == ['labeled', 'unlabeled'] * 2


def test_several_unlabeled_datasets(part):
    parts = [part('CityscapesDataset', False), part('ADE20KDataset', False)]
    dataset = DATASETS.build(dict(type='ConcatDataset', datasets=parts))
    assert len(dataset) == 6
    dataset = DATASETS.build(
        dict(type='ConcatDataset', datasets=[*parts, part('CamVidDataset', True)])
    )
    assert dataset.metainfo['classes'][0] == 'sky'


def test_labeled_parts_must_agree(part):
    parts = [part('CamVidDataset', True), part('LoveDADataset', True)]
    with pytest.raises(ValueError, match='does not match meta information'):
        DATASETS.build(dict(type='ConcatDataset', datasets=parts))
