import copy
import shutil

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from torch.utils.data import DataLoader

CLASSES = ('square', 'bar', 'dot', 'frame')


@pytest.fixture
def config(tiny):
    """Image labels of the boxes, no mask in the pipeline."""
    images = copy.deepcopy(tiny.train_dataloader.dataset)
    images.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='RandomPlaceCrop', size=(40, 24)),
        dict(type='PackSegInputs', meta_keys=('img_path', 'img_shape', 'box')),
    ]
    return dict(type='ImageLabelDataset', dataset=images)


@pytest.fixture
def truth(boxes_root):
    """Labels of each image by its mask."""
    found = {}
    for path in sorted((boxes_root / 'SegmentationClass').glob('train*.png')):
        values = set(np.unique(Image.open(path)).tolist())
        found[path.stem] = [k + 1 in values for k in range(4)]
    return found


def names(dataset):
    return [dataset[i]['data_samples'].img_path[-13:-4] for i in range(len(dataset))]


def labels(dataset):
    return [
        dataset[i]['data_samples'].image_labels.tolist() for i in range(len(dataset))
    ]


def test_labels_of_the_masks(config, truth):
    dataset = DATASETS.build(config)
    assert labels(dataset) == list(truth.values())
    assert dataset.image_labels.tolist() == list(truth.values())


def test_samples_need_no_mask(config, truth, boxes_root, tmp_path):
    shutil.copytree(boxes_root / 'JPEGImages', tmp_path / 'only/JPEGImages')
    shutil.copytree(boxes_root / 'ImageSets', tmp_path / 'only/ImageSets')
    file = tmp_path / 'labels.csv'
    lines = [
        ','.join([name, *(c for c, y in zip(CLASSES, row, strict=True) if y)])
        for name, row in truth.items()
    ]
    file.write_text('\n'.join(lines))
    config['dataset'].data_root = str(tmp_path / 'only')
    dataset = DATASETS.build(dict(config, labels=str(file)))
    assert labels(dataset) == list(truth.values())
    assert 'gt_sem_seg' not in dataset[0]['data_samples']


def test_labels_of_folders(config, boxes_root, tmp_path):
    for k, name in enumerate(CLASSES):
        folder = tmp_path / 'sorted' / name
        folder.mkdir(parents=True)
        shutil.copy(boxes_root / f'JPEGImages/train_{k:03d}.jpg', folder)
    config['dataset'].update(
        data_root=None,
        ann_file='',
        data_prefix=dict(img_path=str(tmp_path / 'sorted')),
    )
    dataset = DATASETS.build(dict(config, labels='folders'))
    found = {
        x['data_samples'].img_path.split('/')[-2]: x['data_samples'].image_labels
        for x in (dataset[i] for i in range(4))
    }
    for k, name in enumerate(CLASSES):
        assert found[name].tolist() == np.eye(4, dtype=bool)[k].tolist()


@pytest.fixture
def some(truth, tmp_path):
    """A file that lacks one image, and has no label for another."""
    rows = {k: v for k, v in truth.items() if k != 'train_003'}
    rows['train_005'] = [False] * 4
    lines = [' '.join([k, *(str(int(y)) for y in v)]) for k, v in rows.items()]
    path = tmp_path / 'some.txt'
    path.write_text('\n'.join(lines))
    return str(path)


def test_images_without_labels_are_refused(config, some):
    message = (
        r'2 of 24 images have no label in .*some\.txt, first train_003, train_005: '
        "label them, .*unlabeled='skip'"
    )
    with pytest.raises(ValueError, match=message):
        DATASETS.build(dict(config, labels=some))


def test_images_without_labels_are_skipped_and_counted(config, some, truth, capfd):
    dataset = DATASETS.build(dict(config, labels=some, unlabeled='skip'))
    kept = [name for name in truth if name not in ('train_003', 'train_005')]
    assert names(dataset) == kept
    assert labels(dataset) == [truth[name] for name in kept]
    assert dataset.get_data_info(3)['img_path'].endswith('train_004.jpg')
    assert 'Skipped: 2 of 24 images have no label' in capfd.readouterr().out


def test_test_data_may_have_images_without_labels(config, some, truth):
    config['dataset'].test_mode = True
    dataset = DATASETS.build(dict(config, labels=some))
    assert names(dataset) == list(truth)
    assert not any(labels(dataset)[3])


def test_a_class_that_no_image_has(config, truth, tmp_path):
    path = tmp_path / 'few.csv'
    path.write_text('\n'.join(f'{name},bar,dot' for name in truth))
    with pytest.raises(ValueError, match=r'no image of .* has square, frame in .*few'):
        DATASETS.build(dict(config, labels=str(path)))


def test_a_dataset_without_background(config):
    config['dataset'].metainfo.classes = ('sky', *CLASSES)
    with pytest.raises(ValueError, match="must be 'background', not 'sky'"):
        DATASETS.build(config)


def test_the_path_has_to_be_packed(config):
    config['dataset'].pipeline[-1].meta_keys = ('img_shape',)
    with pytest.raises(ValueError, match="meta_keys` of PackSegInputs .*'img_path'"):
        DATASETS.build(config)[0]


def test_another_image_brings_its_own_labels(config, truth):
    """A transform may refuse an image; another one is drawn for it then."""
    dataset = DATASETS.build(config)
    pipeline = dataset.dataset.pipeline

    def some_only(info):
        return pipeline(info) if 'train_00' in info['img_path'] else None

    dataset.dataset.pipeline = some_only
    np.random.seed(0)
    for index in range(10, 24):
        sample = dataset[index]['data_samples']
        assert sample.image_labels.tolist() == truth[sample.img_path[-13:-4]]


@pytest.mark.slow
def test_a_batch_from_workers(config, tiny):
    """Labels stay on the CPU as the batch goes to a device, and so do boxes."""
    dataset = DATASETS.build(config)
    loader = DataLoader(dataset, 4, num_workers=2, collate_fn=pseudo_collate)
    preprocessor = MODELS.build(tiny.model.data_preprocessor)
    for number, batch in enumerate(loader):
        samples = preprocessor(batch, True)['data_samples']
        for i, sample in enumerate(samples):
            want = dataset.image_labels[4 * number + i]
            assert isinstance(sample.image_labels, np.ndarray)
            assert np.array_equal(sample.image_labels, want)
            top, bottom, left, right = sample.box
            assert (bottom - top, right - left) == (32, 24)
            assert sample.img_shape == (40, 24)


def counted(config):
    """Labels in one of two processes; the masks are counted in the first."""
    return DATASETS.build(config).image_labels


@pytest.mark.slow
def test_two_processes_know_the_same_labels(config, in_two_processes, truth):
    for found in in_two_processes(counted, config):
        assert found.tolist() == list(truth.values())


def test_a_file_name_of_two_images(config, boxes_root, tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / 'photos' / folder).mkdir(parents=True)
        for k in range(2):
            name = f'train_{k:03d}.jpg'
            shutil.copy(boxes_root / 'JPEGImages' / name, tmp_path / 'photos' / folder)
    config['dataset'].update(
        data_root=None, ann_file='', data_prefix=dict(img_path=f'{tmp_path}/photos')
    )
    path = tmp_path / 'labels.csv'
    lines = ['a/train_000,square', 'b/train_000,bar', 'a/train_001,dot']
    path.write_text('\n'.join([*lines, 'train_001,frame']))
    dataset = DATASETS.build(dict(config, labels=str(path)))
    assert dataset.image_labels.argmax(1).tolist() == [0, 2, 1, 3]
    path.write_text('\n'.join([*lines[:2], 'train_001,dot']))
    with pytest.raises(ValueError, match=r'names train_001, which is a/.* or b/train_'):
        DATASETS.build(dict(config, labels=str(path)))
