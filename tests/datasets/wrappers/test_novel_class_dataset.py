import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import (
    FOLDS,
    COCOObjectDataset,
    MultiSourceSampler,
    NovelClassDataset,
    get_fold,
)
from mmseg_labelfree.datasets.samplers.seeded import SeededIndex
from mmseg_labelfree.datasets.splits.published_counts import (
    FOLD_COUNTS,
    expected_fold_counts,
)

FOLD = dict(base=['bar', 'square', 'dot'], novel=['frame'])


def inner(incremental, split='train', **changes):
    cfg = incremental[f'{split}_dataloader'].dataset.dataset
    return dict(cfg.to_dict(), serialize_data=False, **changes)


def masks(root, names):
    folder = root / 'SegmentationClass'
    return [np.array(Image.open(folder / f'{n}.png')) for n in names]


@pytest.fixture
def train(incremental):
    return inner(
        incremental,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )


def test_folds_of_the_paper():
    voc = PascalVOCDataset.METAINFO['classes'][1:]
    for k in range(4):
        fold = get_fold(f'pascal-5i_fold{k}')
        assert fold.new(1) == tuple(voc[5 * k : 5 * k + 5])
        assert set(fold.new(0)) == set(voc) - set(fold.new(1))
        coco = get_fold(f'coco-20i_fold{k}')
        assert len(coco.new(0)) == 60 and len(coco.new(1)) == 20
    assert {'person', 'bicycle', 'motorcycle'} < set(get_fold('coco-20i_fold0').new(1))
    for name, counts in FOLD_COUNTS.items():
        if 'base' in counts:
            assert counts['base'] + counts['novel'] == 10582
            assert expected_fold_counts(FOLDS[name], 10582) == counts
        else:
            assert expected_fold_counts(FOLDS[name], 82081) == counts
        assert expected_fold_counts(FOLDS[name], 100) == {}


@pytest.mark.parametrize(
    ('fold', 'message'),
    [
        ('pascal-5i_fold7', 'unknown fold'),
        (dict(base=['a']), r'a fold is dict\(base=\[...\], novel=\[...\]\)'),
        (dict(base=['a'], novel=[]), 'has no class'),
        (dict(base=['a'], novel=['a']), 'named twice'),
        ([['a'], ['b'], ['c']], 'has 3 lists of classes'),
    ],
)
def test_folds_that_are_none(fold, message):
    with pytest.raises(ValueError, match=message):
        get_fold(fold)


def test_coco_objects():
    info = COCOObjectDataset.METAINFO
    assert len(info['classes']) == len(info['palette']) == 81
    assert info['classes'][:2] == ('background', 'person')
    assert info['classes'][-1] == 'toothbrush'


def test_parts_and_labels(train, boxes_root):
    """All parts against a walk over the masks."""
    parts = {
        name: NovelClassDataset(train, FOLD, cache=False, **settings)
        for name, settings in dict(
            base=dict(subset='base'),
            mixed=dict(subset='base', mixed_images=True),
            novel=dict(subset='novel'),
            val=dict(subset='val'),
        ).items()
    }
    every = [f'train_{i:03d}' for i in range(24)]
    present = {
        n: set(np.unique(m))
        for n, m in zip(every, masks(boxes_root, every), strict=True)
    }
    expected = dict(
        base=[n for n in every if present[n] & {1, 2, 3} and 4 not in present[n]],
        mixed=[n for n in every if present[n] & {1, 2, 3}],
        novel=[n for n in every if 4 in present[n]],
        val=every,
    )
    table = dict(base=[0, 2, 1, 3, 0], val=[0, 2, 1, 3, 4])
    for name, part in parts.items():
        assert part.image_names == expected[name] and len(part) > 3
        if name == 'novel':
            continue
        lookup = np.array(table.get(name, table['base']))
        for i, mask in enumerate(masks(boxes_root, part.image_names)):
            found = part[i]['data_samples'].gt_sem_seg.data[0].numpy()
            assert np.array_equal(found, lookup[mask])
    assert parts['base'].metainfo['classes'] == ('background', 'bar', 'square', 'dot')
    assert parts['val'].metainfo['classes'][-1] == 'frame'
    labels = parts['novel'][0]['data_samples'].gt_sem_seg.data
    assert (labels == 255).all() and parts['novel'].num_old_classes == 4


@pytest.fixture
def clusters(tmp_path, train):
    """Label maps of a clustering stage: all of an image one value."""
    folder = tmp_path / 'labels'
    folder.mkdir()
    names = NovelClassDataset(train, FOLD, 'novel', cache=False).image_names[1:]
    for i, name in enumerate(names):
        label = np.full((32, 32), (0, 3, 4, 5, 255)[i % 5], np.uint8)
        Image.fromarray(label).save(folder / f'{name}.png')
    (tmp_path / 'images.txt').write_text('\n'.join(names) + '\n')
    return dict(labels=str(folder), image_list=str(tmp_path / 'images.txt'))


def test_cluster_labels_and_pools(train, clusters, boxes_root, tmp_path):
    train['data_prefix'] = dict(
        img_path=train['data_prefix']['img_path'], seg_map_path='no masks here'
    )
    settings = dict(fold=FOLD, num_clusters=2, cache=False)
    novel = NovelClassDataset(
        train, subset='novel', source='clean', **settings, **clusters
    )
    names = (tmp_path / 'images.txt').read_text().split()
    assert novel.image_names == names
    steps = [type(step).__name__ for step in novel.dataset.pipeline.transforms]
    assert steps == [
        'LoadImageFromFile',
        'LoadPseudoAnnotations',
        'MapLabels',
        'PackSegInputs',
    ]
    for i in range(5):
        sample = novel[i]['data_samples']
        assert (sample.gt_sem_seg.data == (0, 3, 4, 5, 255)[i]).all()
        assert sample.metainfo['source'] == 'clean'
        moved = novel[SeededIndex(i, (0,), source='unclean')]['data_samples']
        assert (moved.gt_sem_seg.data == 255).all() and 'padding' not in moved
        assert moved.metainfo['source'] == 'unclean'
    train['data_prefix']['seg_map_path'] = 'SegmentationClass'
    base = NovelClassDataset(train, subset='base', source='base', **settings)
    assert base.metainfo == novel.metainfo
    assert base.metainfo['classes'][4:] == ('cluster_0', 'cluster_1')
    one = dict(type='NovelClassDataset', dataset=train, **settings)
    parts = [
        dict(one, subset='base', source='base'),
        dict(one, subset='novel', source='clean', **clusters),
    ]
    sampler = MultiSourceSampler(
        ConcatDataset(parts), dict(base=1, clean=3), epoch_source='shortest'
    )
    assert sampler.epoch_source == 'clean'
    assert sampler.batches_per_epoch == len(novel) // 3


def test_padding_of_unlabeled_samples_is_marked(train, clusters):
    train['pipeline'].insert(
        2, dict(type='Pad', size=(40, 32), pad_val=dict(img=0, seg=255))
    )
    novel = NovelClassDataset(
        train, FOLD, 'novel', num_clusters=2, cache=False, source='unclean', **clusters
    )
    padding = novel[0]['data_samples'].padding.data
    assert padding[..., 32:].all() and not padding[..., :32].any()


def test_label_of_no_cluster(train, clusters):
    novel = NovelClassDataset(
        train, FOLD, 'novel', num_clusters=1, cache=False, **clusters
    )
    novel[2]
    with pytest.raises(ValueError, match=r'label values \[5\] must not occur'):
        novel[3]


def test_what_is_missing_is_named(train, clusters, tmp_path):
    settings = dict(cache=False, num_clusters=2)
    with pytest.raises(FileNotFoundError, match='images.txt does not exist'):
        NovelClassDataset(train, FOLD, 'novel', image_list='no/images.txt', **settings)
    every = NovelClassDataset(
        train, FOLD, 'novel', labels=clusters['labels'], **settings
    )
    with pytest.raises(FileNotFoundError, match='run the stage that makes it first'):
        every[0]
    (tmp_path / 'images.txt').write_text('')
    with pytest.raises(ValueError, match='has no image of .*images.txt'):
        NovelClassDataset(train, FOLD, 'novel', **clusters, **settings)
    with pytest.raises(ValueError, match="labels are the clustering stage's"):
        NovelClassDataset(train, FOLD, 'base', labels='x')
    with pytest.raises(ValueError, match="subset='train' is unknown"):
        NovelClassDataset(train, FOLD, 'train')
    with pytest.raises(ValueError, match="class 'triangle' of task"):
        NovelClassDataset(train, dict(base=['bar'], novel=['triangle']), 'base')


def test_a_fold_whose_class_never_occurs(train, boxes_root):
    classes = (*train['metainfo']['classes'], 'ring')
    train['metainfo'] = dict(
        classes=classes, palette=[*train['metainfo']['palette'], [1, 2, 3]]
    )
    fold = dict(base=['bar', 'square'], novel=['ring', 'frame'])
    for subset in ('base', 'novel'):
        with pytest.raises(ValueError, match='no image of .* holds ring, so the fold'):
            NovelClassDataset(train, fold, subset, cache=False)
    everywhere = dict(base=['background'], novel=['bar'])
    with pytest.raises(ValueError, match='background is part of every step'):
        NovelClassDataset(train, everywhere, 'base', cache=False)


def test_builds_from_a_config(train):
    dataset = DATASETS.build(
        dict(
            type='NovelClassDataset',
            dataset=train,
            fold=FOLD,
            subset='base',
            cache=False,
            lazy_init=True,
        )
    )
    assert len(dataset) > 3
