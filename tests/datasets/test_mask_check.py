"""Masks that mean something else than their dataset's settings say."""

import numpy as np
import pytest
from mmseg.datasets import LoveDADataset
from mmseg.registry import DATASETS
from PIL import Image

CLASSES = ('background', 'cat', 'dog')
LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
WRAPPERS = {
    'source': lambda d: dict(type='SourceDataset', source='labeled', dataset=d),
    'incremental': lambda d: dict(
        type='IncrementalDataset', task=[['cat'], ['dog']], step=0, dataset=d
    ),
    'zero-label': lambda d: dict(
        type='ZeroLabelDataset', split=dict(seen=['cat'], unseen=['dog']), dataset=d
    ),
    'novel': lambda d: dict(
        type='NovelClassDataset',
        fold=dict(base=['cat'], novel=['dog']),
        subset='val',
        dataset=d,
    ),
}


def write(root, masks, mode=None):
    """Images of 8 x 8 with these masks, from lists of values in equal rows."""
    for folder in ('images', 'masks'):
        (root / folder).mkdir(exist_ok=True)
    for i, values in enumerate(masks):
        Image.new('RGB', (8, 8)).save(root / f'images/{i}.jpg')
        mask = np.repeat(np.resize(np.array(values, np.uint8), 8)[:, None], 8, 1)
        image = Image.fromarray(mask)
        (image.convert(mode) if mode else image).save(root / f'masks/{i}.png')
    return root


def inner(root, classes=CLASSES, **settings):
    return dict(
        type='BaseSegDataset',
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(
            classes=classes, palette=[[k, k, k] for k in range(len(classes))]
        ),
        pipeline=LOAD,
        **settings,
    )


@pytest.fixture(params=WRAPPERS)
def build(request):
    return lambda dataset: DATASETS.build(WRAPPERS[request.param](dataset))


@pytest.mark.parametrize(
    ('masks', 'message'),
    [
        ([[0, 1, 2], [1, 9, 2]], r'1.png holds the values \[9\].*BaseSegDataset'),
        ([[0, 255], [255, 0]], r'nothing but 0 and 255, first .*0.png.*two classes'),
        ([[255], [255]], 'no pixel of a class.*void'),
        ([[0, 1, 2], [128, 200]], r'1.png holds the values \[128, 200\]'),
    ],
)
def test_values_that_are_no_class(tmp_path, build, masks, message):
    with pytest.raises(ValueError, match=message):
        build(inner(write(tmp_path, masks)))


@pytest.mark.parametrize('mode', ['RGB', 'LA', 'I;16'])
def test_colors_and_several_channels(tmp_path, build, mode):
    with pytest.raises(ValueError, match='0.png has image mode'):
        build(inner(write(tmp_path, [[0, 1, 2]], mode)))


@pytest.mark.parametrize('void', [250, 254, 3, -1])
def test_ignore_index_of_a_dataset_becomes_255(tmp_path, build, void):
    masks = [[0, 1, 2, void % 256]]
    dataset = build(inner(write(tmp_path, masks), ignore_index=void))
    labels = dataset[0]['data_samples'].gt_sem_seg.data[0]
    void_label = int(labels[3, 0])
    training = type(dataset).__name__ in ('IncrementalDataset', 'ZeroLabelDataset')
    # These two have conventions of their own about void pixels in training.
    assert void_label == 255 or training and void_label in (0, 254)
    if type(dataset).__name__ == 'SourceDataset':
        assert labels[:4, 0].tolist() == [0, 1, 2, 255]


def test_ignore_index_that_is_a_class(tmp_path):
    classes = ('unlabeled', 'cat', 'dog')
    root = write(tmp_path, [[0, 1, 2]])
    dataset = DATASETS.build(WRAPPERS['source'](inner(root, classes, ignore_index=0)))
    labels = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert labels[:3, 0].tolist() == [255, 1, 2]


def test_custom_classes_are_a_label_map(tmp_path):
    """PASCAL VOC with three of its classes: the others are void."""
    root = write(tmp_path, [[0, 8, 12, 15]])
    dataset = dict(
        inner(root, ('dog', 'cat', 'background')), type='PascalVOCDataset', ann_file='l'
    )
    (root / 'l').write_text('0\n')
    labels = DATASETS.build(WRAPPERS['source'](dataset))[0]
    labels = labels['data_samples'].gt_sem_seg.data[0]
    assert labels[:4, 0].tolist() == [2, 1, 0, 255]
    dataset['ignore_index'] = 1
    with pytest.raises(ValueError, match="ignore_index=1 is class 'cat'"):
        DATASETS.build(WRAPPERS['source'](dataset))


@pytest.mark.parametrize('wrapper', ['source', 'incremental', 'novel'])
def test_reduce_zero_label_beside_a_background(tmp_path, wrapper):
    build = WRAPPERS[wrapper]
    root = write(tmp_path, [[0, 1, 2], [0, 2, 2]])
    with pytest.raises(ValueError, match='reduce_zero_label=True and a class'):
        DATASETS.build(build(inner(root, reduce_zero_label=True)))
    # Masks of 1 to 3 with 0 = no data are what it is for.
    root = write(tmp_path, [[0, 1, 2], [0, 3, 2]])
    dataset = DATASETS.build(build(inner(root, reduce_zero_label=True)))
    assert len(dataset) > 0


def test_reduce_zero_label_that_a_dataset_is_made_for(tmp_path):
    """LoveDA: 0 is no data, 1 the background."""
    root = write(tmp_path, [[0, 1, 2]])
    dataset = dict(inner(root), type='LoveDADataset', img_suffix='.jpg')
    del dataset['metainfo']
    built = DATASETS.build(WRAPPERS['source'](dataset))
    assert isinstance(built.dataset, LoveDADataset)
    labels = built[0]['data_samples'].gt_sem_seg.data[0]
    assert labels[:3, 0].tolist() == [255, 0, 1]


def test_masks_of_another_size_or_of_several_channels(tmp_path):
    dataset = DATASETS.build(WRAPPERS['source'](inner(write(tmp_path, [[0, 1, 2]]))))
    Image.new('RGB', (9, 8)).save(tmp_path / 'images/0.jpg')
    with pytest.raises(ValueError, match='0.jpg is 9x8 but its mask .*0.png is 8x8'):
        dataset[0]


def test_unlabeled_sources_open_no_mask(tmp_path):
    root = write(tmp_path, [[9, 77]])
    source = dict(WRAPPERS['source'](inner(root)), labeled=False)
    sample = DATASETS.build(source)[0]['data_samples']
    assert sample.gt_sem_seg.data.unique().tolist() == [255]


def test_training_ids_where_ids_are_asked_for(tmp_path):
    city = dict(inner(tmp_path), type='Cityscapes27Dataset', img_suffix='.jpg')
    del city['metainfo']
    with pytest.raises(ValueError, match='training ids'):
        DATASETS.build(dict(city, seg_map_suffix='_gtFine_labelTrainIds.png'))
    # Renamed: nothing but the values tells.
    write(tmp_path, [[0, 1, 13, 255], [0, 2, 10]])
    city['seg_map_suffix'] = '.png'
    with pytest.raises(ValueError, match='nothing above 18'):
        DATASETS.build(WRAPPERS['source'](city))
    write(tmp_path, [[7, 8, 26, 3], [7, 11, 23]])
    labels = DATASETS.build(WRAPPERS['source'](city))[0]
    labels = labels['data_samples'].gt_sem_seg.data[0]
    assert labels[:4, 0].tolist() == [0, 1, 19, 255]


def test_renumbered_masks_of_coco_stuff(tmp_path):
    coco = dict(inner(tmp_path), type='COCOStuff27Dataset')
    del coco['metainfo']
    write(tmp_path, [[0, 11, 170], [25, 44, 112]])
    with pytest.raises(ValueError, match=r'\[11, 25, 44\].*renumbered'):
        DATASETS.build(WRAPPERS['source'](coco))
    write(tmp_path, [[0, 12, 181], [24, 43, 123]])
    assert len(DATASETS.build(WRAPPERS['source'](coco))) == 2


def test_ids_where_training_ids_are_asked_for(tmp_path):
    root = write(tmp_path, [[7, 8, 11, 17]])
    (root / 'images/0.jpg').rename(root / 'images/a_leftImg8bit.png')
    (root / 'masks/0.png').rename(root / 'masks/a_gtFine_labelIds.png')
    city = dict(
        inner(root), type='CityscapesDataset', seg_map_suffix='_gtFine_labelIds.png'
    )
    del city['metainfo']
    with pytest.raises(ValueError, match='reads masks .*labelTrainIds.png'):
        DATASETS.build(WRAPPERS['source'](city))


def test_classes_of_27_that_are_chosen_by_name(tmp_path):
    """Custom classes of a dataset that maps its masks itself, in steps."""
    root = write(tmp_path, [[7, 8, 24, 26], [7, 24, 33, 23]])
    city = dict(
        inner(root, ('car', 'road', 'person')),
        type='Cityscapes27Dataset',
        img_suffix='.jpg',
        seg_map_suffix='.png',
    )
    labels = DATASETS.build(WRAPPERS['source'](city))[0]['data_samples']
    assert labels.gt_sem_seg.data[0, :4, 0].tolist() == [1, 255, 2, 0]
    steps = dict(type='IncrementalDataset', task=[['road', 'person'], ['car']])
    dataset = DATASETS.build(dict(steps, step=1, dataset=city, cache=False))
    assert dataset.image_names == ['0']
    labels = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert labels[:4, 0].tolist() == [0, 0, 0, 3]
