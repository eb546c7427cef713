"""Partitions that are drawn where their lists are missing."""

import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets import ConcatDataset, Partition, SourceDataset
from mmseg_labelfree.engine.protocols import DataCheck

FOLDER = 'lists/1-8'


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Configs of sources over 16 images; class 2 is in one of them."""
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    for index in range(16):
        label = np.full((4, 4), 2 if index == 11 else index % 2, np.uint8)
        for folder, array in (('img', np.zeros((4, 4, 3), np.uint8)), ('ann', label)):
            path = tmp_path / folder / f'{index:02d}.png'
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(array).save(path)

    def source(name, words, ann_file=None):
        inner = dict(
            type='BaseSegDataset',
            data_root=str(tmp_path),
            ann_file=ann_file or f'{FOLDER}/{name}.txt',
            img_suffix='.png',
            metainfo=dict(classes=('a', 'b', 'c')),
            data_prefix=dict(img_path='img', seg_map_path='ann'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                dict(type='PackSegInputs'),
            ],
        )
        return dict(
            type='SourceDataset',
            source=name,
            labeled=name == 'labeled',
            dataset=inner,
            partition=words,
        )

    return source


def build(config):
    config = {k: v for k, v in config.items() if k != 'type'}
    return SourceDataset(**config)


def test_two_sources_share_no_image_and_have_all(source):
    words = dict(folder=FOLDER, ratio='1/8', balanced=True, seed=3)
    labeled, unlabeled = (build(source(n, words)) for n in ('labeled', 'unlabeled'))
    assert len(labeled) == 2 and '11' in labeled.image_names
    assert sorted(labeled.image_names + unlabeled.image_names) == [
        f'{i:02d}' for i in range(16)
    ]
    other = build(source('labeled', dict(words, seed=4, balanced=False)))
    assert other.image_names != labeled.image_names
    shared = dict(
        type='ConcatDataset',
        datasets=[source(n, words) for n in ('labeled', 'unlabeled')],
    )
    checked = DataCheck().dataset(shared)
    assert isinstance(checked, ConcatDataset)
    assert [part.image_names for part in checked.datasets] == [
        labeled.image_names,
        unlabeled.image_names,
    ]


def test_lists_that_are_there_count(source, tmp_path):
    words = dict(folder=FOLDER, number=2)
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / 'labeled.txt').write_text('05\n')
    found = build(source('labeled', words))
    assert found.image_names == ['05'] and not found.draws
    with pytest.raises(FileNotFoundError, match='unlabeled.txt does not exist'):
        build(source('unlabeled', words))
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/labeled.txt').write_text('06\n07\n')
    own = source('labeled', dict(words, folder='lists/other'), 'mine/labeled.txt')
    assert build(own).image_names == ['06', '07']


def test_sizes():
    assert Partition(ratio=0.25).size(16) == 4 and Partition(number=3).size(16) == 3
    for words in (dict(), dict(number=1, ratio='1/2')):
        with pytest.raises(ValueError, match='needs a number or a ratio'):
            Partition(**words)


def test_no_empty_part(source):
    for words in (dict(number=0), dict(number=17)):
        with pytest.raises(ValueError, match='cannot choose'):
            build(source('labeled', dict(words, folder=FOLDER)))
    with pytest.raises(ValueError, match='all 16 images would be labeled'):
        build(source('unlabeled', dict(folder=FOLDER, number=16)))


def test_without_a_folder_the_own_list_is_drawn_from(source, tmp_path):
    (tmp_path / 'all.txt').write_text(''.join(f'{i:02d}\n' for i in range(8)))
    labeled, unlabeled = (
        build(source(name, dict(number=3), 'all.txt'))
        for name in ('labeled', 'unlabeled')
    )
    assert (len(labeled), len(unlabeled)) == (3, 5)
    assert not set(labeled.image_names) & set(unlabeled.image_names)
    assert np.array_equal(
        labeled.indices, build(source('labeled', dict(ratio='3/8'), 'all.txt')).indices
    )


def test_an_image_that_is_listed_twice(source, tmp_path):
    (tmp_path / 'all.txt').write_text('03\n05\n03\n07\n')
    with pytest.raises(ValueError, match=r'all.txt has 03 more than once, .*list each'):
        build(source('labeled', dict(number=2), 'all.txt'))
