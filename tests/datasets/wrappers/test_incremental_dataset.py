import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms import BaseTransform
from mmengine.registry import DefaultScope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import IncrementalDataset
from mmseg_labelfree.datasets.samplers.seeded import SeededIndex
from mmseg_labelfree.datasets.splits.step_images import partition

CLASSES = ('background', 'dog', 'cat', 'cow', 'sheep')
PALETTE = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]]
TASK = [['cat', 'dog'], ['cow'], ['sheep']]
LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# Raw values of the masks (each row is written twice); 255 is void.
# Values of step 0: 1, 2; step 1: 3; step 2: 4.
MASKS = [
    [[0, 1, 255]],
    [[2, 3, 0]],
    [[3, 3, 3]],
    [[1, 4, 3]],
    [[0, 0, 255]],
    [[4, 255, 4]],
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))


def write_data(root, masks=MASKS):
    (root / 'images').mkdir(parents=True)
    (root / 'masks').mkdir()
    for i, mask in enumerate(masks):
        image = Image.fromarray(np.repeat(np.array(mask, np.uint8), 2, 0))
        image.putpalette(bytes(range(256)) * 3)
        image.save(root / 'masks' / f'{i:02d}.png')
        pixels = np.full((*image.size[::-1], 3), i, np.uint8)
        Image.fromarray(pixels).save(root / 'images' / f'{i:02d}.png')
    return root


@pytest.fixture
def root(tmp_path):
    return write_data(tmp_path / 'data')


def inner_config(root, **more):
    config = dict(
        type='BaseSegDataset',
        data_root=str(root),
        img_suffix='.png',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=CLASSES, palette=PALETTE),
        pipeline=LOAD,
        serialize_data=False,  # it collects garbage, which takes a second
    )
    config.update(more)
    return config


def make(root, step, task=TASK, inner=None, **more):
    return IncrementalDataset(inner_config(root, **(inner or {})), task, step, **more)


def labels(dataset):
    found = []
    for i in range(len(dataset)):
        label = dataset[i]['data_samples'].gt_sem_seg.data[0]
        assert torch.equal(label[::2], label[1::2])
        found.append(label[::2].tolist())
    return found


def test_training_labels_only_the_classes_of_the_step(root):
    base = make(root, 0)
    assert base.image_names == ['00', '01', '03']
    assert labels(base) == [[[0, 2, 0]], [[1, 0, 0]], [[2, 0, 0]]]
    second = make(root, 1)
    assert second.image_names == ['01', '02', '03']
    assert labels(second) == [[[0, 3, 0]], [[3, 3, 3]], [[0, 0, 3]]]
    assert len(second) == 3


def test_image_in_several_steps_is_in_one_when_disjoint(root):
    names = [make(root, step, setup='disjoint').image_names for step in range(3)]
    assert names == [['00'], ['01', '02'], ['03', '05']]


def test_joint_labels_all_seen_classes(root):
    dataset = make(root, 1, setup='joint')
    assert dataset.image_names == ['00', '01', '02', '03']
    assert labels(dataset) == [[[0, 2, 0]], [[1, 3, 0]], [[3, 3, 3]], [[2, 0, 3]]]


def test_testing_with_future_classes_ignored_or_background(root):
    inner = dict(test_mode=True)
    official = make(root, 1, inner=inner)
    assert official.image_names == ['00', '01', '02', '03']
    assert labels(official)[0] == [[0, 2, 255]]
    assert labels(official)[3] == [[2, 255, 3]]
    plop = make(root, 1, inner=inner, future='background')
    assert len(plop) == 6
    assert labels(plop)[3:] == [[[2, 0, 3]], [[0, 0, 255]], [[0, 255, 0]]]
    last = make(root, 2, inner=inner)
    assert labels(last)[3] == [[2, 4, 3]]


@pytest.mark.parametrize('test_mode', [False, True])
def test_void_as_asked(root, test_mode):
    inner = dict(test_mode=test_mode)
    for void, value in (('background', 0), ('ignore', 255)):
        assert labels(make(root, 0, inner=inner, void=void))[0] == [[0, 2, value]]
    default = labels(make(root, 0, inner=inner))[0]
    assert default == [[0, 2, 255 if test_mode else 0]]


def test_classes_in_no_step_are_background_everywhere(root):
    task = [['dog'], ['sheep']]
    assert labels(make(root, 0, task))[1] == [[1, 0, 0]]
    test = make(root, 0, task, inner=dict(test_mode=True))
    assert labels(test)[1] == [[1, 255, 0]]
    disjoint = make(root, 0, task, setup='disjoint')
    assert disjoint.image_names == ['00']


def test_metainfo_is_that_of_the_labels(root):
    dataset = make(root, 1)
    assert dataset.metainfo == dict(
        classes=('background', 'cat', 'dog', 'cow'),
        palette=[[0, 0, 0], [2, 0, 0], [1, 0, 0], [3, 0, 0]],
        label_map=None,
        reduce_zero_label=False,
        task='custom_2-1-1',
        step=1,
    )
    dataset.metainfo['classes'] = ()
    assert dataset.metainfo['classes'][0] == 'background'
    assert make(root, 0, class_order=['sheep', 'cow', 'dog', 'cat']).metainfo[
        'classes'
    ] == ('background', 'sheep', 'cow')


def test_background_is_added_where_zero_is_reduced(tmp_path):
    root = write_data(tmp_path / 'ade', [[[0, 1, 2, 3]], [[3, 0, 3, 0]]])
    inner = dict(
        reduce_zero_label=True,
        metainfo=dict(classes=('wall', 'sky', 'tree'), palette=PALETTE[1:4]),
    )
    train = make(root, 0, [['tree', 'wall'], ['sky']], inner)
    assert train.metainfo['classes'] == ('background', 'tree', 'wall')
    assert train.metainfo['palette'] == [[0, 0, 0], [3, 0, 0], [1, 0, 0]]
    assert labels(train) == [[[0, 2, 0, 1]], [[1, 0, 1, 0]]]
    assert train[0]['data_samples'].reduce_zero_label is False
    test = make(root, 0, [['tree', 'wall'], ['sky']], dict(inner, test_mode=True))
    assert labels(test) == [[[255, 2, 255, 1]], [[1, 255, 1, 255]]]


@DATASETS.register_module()
class FarmDataset(BaseSegDataset):
    METAINFO = dict(classes=CLASSES, palette=PALETTE)


def test_label_map_of_the_dataset_comes_first(root):
    inner = dict(
        type='FarmDataset', metainfo=dict(classes=['background', 'sheep', 'cat'])
    )
    dataset = make(root, 1, [['cat'], ['sheep']], inner)
    assert dataset.metainfo['palette'] == [[0, 0, 0], [2, 0, 0], [4, 0, 0]]
    assert dataset.image_names == ['03', '05']
    assert labels(dataset) == [[[0, 2, 0]], [[2, 0, 2]]]


@settings(max_examples=15, deadline=None)
@given(
    masks=st.lists(
        st.lists(st.sampled_from([0, 1, 2, 3, 4, 255]), min_size=4, max_size=4),
        min_size=1,
        max_size=5,
    ),
    order=st.permutations(['dog', 'cat', 'cow', 'sheep']),
    step=st.integers(0, 2),
    test_mode=st.booleans(),
)
def test_labels_agree_with_a_loop_over_pixels(
    tmp_path_factory, masks, order, step, test_mode
):
    root = write_data(tmp_path_factory.mktemp('x') / 'data', [[row] for row in masks])
    task = [list(order[:2]), [order[2]], [order[3]]]
    seen = sum(task[: step + 1], [])
    known = seen if test_mode else task[step]
    images, expected = [], []
    for i, row in enumerate(masks):
        names = [CLASSES[v] if v != 255 else 'void' for v in row]
        if not set(names) & set(known):
            continue
        images.append(i)
        out = []
        for name in names:
            if name in known:
                out.append(1 + seen.index(name))
            elif test_mode and name not in ('background', *seen):
                out.append(255)
            else:
                out.append(0)
        expected.append([out])
    arguments = dict(inner=dict(test_mode=test_mode), cache=False)
    if not images:
        with pytest.raises(
            ValueError, match=f'step {step} of task|but 0 and 255|no pixel of'
        ):
            make(root, step, task, **arguments)
        return
    dataset = make(root, step, task, **arguments)
    assert dataset.indices.tolist() == images
    assert labels(dataset) == expected


def test_given_dataset_is_not_changed(root):
    with DefaultScope.overwrite_default_scope('mmseg'):
        inner = DATASETS.build(inner_config(root))
    before = list(inner.pipeline.transforms)
    wrapped = IncrementalDataset(inner, TASK, 0)
    assert labels(wrapped)[1] == [[1, 0, 0]]
    assert inner.pipeline.transforms == before
    assert inner[1]['data_samples'].gt_sem_seg.data[0].tolist() == [[2, 3, 0]] * 2
    assert (
        IncrementalDataset(inner, TASK, 0, lazy_init=True)
        .get_data_info(1)['img_path']
        .endswith('01.png')
    )


def test_partition_and_lists_of_images(root, tmp_path):
    parts = [
        make(root, s, setup='partition', seed=0, min_images=1).image_names
        for s in range(3)
    ]
    assert sorted(sum(parts, [])) == ['00', '01', '02', '03', '05']
    files = []
    for step, names in enumerate(['01', '02\n03', '05']):
        files.append(tmp_path / f'{step}.txt')
        files[-1].write_text(names)
    lists = [make(root, s, image_lists=files).image_names for s in range(3)]
    assert lists == [['01'], ['02', '03'], ['05']]
    test = make(root, 0, image_lists=files, inner=dict(test_mode=True))
    assert test.image_names == ['00', '01', '03']
    with pytest.raises(ValueError, match='2 files, but .* 3 steps'):
        make(root, 0, image_lists=files[:2])
    files[1].write_text('00\n04\n02')
    with pytest.raises(ValueError, match='2 of the 3 images of .*1.txt hold no class'):
        make(root, 1, image_lists=files)


@pytest.mark.parametrize(
    'masks', [[[[1, 2]], [[1, 2]]], [[[4, 1, 3]], [[3, 2]], [[2, 4]], [[1]], [[3, 4]]]]
)
def test_partition_by_rule_visits_the_classes_as_the_dataset_numbers_them(
    tmp_path, masks
):
    """Dog is class 1 and cat is class 2, whichever the task names first."""
    root = write_data(tmp_path / 'rule', masks)
    task = [['sheep', 'cat'], ['cow', 'dog']]
    present = np.array([[c in mask[0] for c in (1, 2, 3, 4)] for mask in masks])
    steps = partition(present, np.array([1, 0, 1, 0]))
    for order in (None, ['cat', 'sheep', 'dog', 'cow']):
        for step in range(2):
            names = make(
                root, step, task, setup='partition', class_order=order
            ).image_names
            assert names == [f'{i:02d}' for i in np.flatnonzero(steps == step)]


def test_lists_of_indices_of_the_authors(root, tmp_path):
    """Files as MiB's authors ship: indices into the sorted names, one file a step."""
    parts = [make(root, s, setup='partition').image_names for s in range(3)]
    files = [tmp_path / f'train-{step}.npy' for step in range(3)]
    for file, names in zip(files, parts, strict=True):
        np.save(file, np.array([int(name) for name in reversed(names)]))
    for step in range(3):
        dataset = make(root, step, setup='partition', image_lists=files)
        assert dataset.image_names == parts[step]
    with pytest.raises(ValueError, match='train-2.npy hold no class of step 0'):
        make(root, 0, setup='partition', image_lists=files[::-1])


class DropImages(BaseTransform):
    def transform(self, results):
        return None if results['img'].max() != 1 else results


def test_replacement_of_a_dropped_sample_is_of_the_same_step(root):
    pipeline = [LOAD[0], DropImages(), *LOAD[1:]]
    dataset = make(root, 0, inner=dict(pipeline=pipeline))
    names = {dataset[i]['data_samples'].img_path[-6:-4] for i in (0, 1, 2) * 5}
    assert names == {'01'}
    later = make(
        root, 1, [['cat'], ['sheep']], inner=dict(pipeline=pipeline, max_refetch=20)
    )
    with pytest.raises(ValueError, match='no sample for .*03.png'):
        later[0]


def test_the_seed_of_the_draw_fixes_the_augmentation(tmp_path):
    rng = np.random.default_rng(0)
    root = write_data(tmp_path / 'big', [rng.integers(0, 5, (10, 20))])
    crop = [*LOAD[:2], dict(type='RandomCrop', crop_size=(4, 4)), LOAD[2]]
    dataset = make(root, 0, inner=dict(pipeline=crop))

    def draw(index):
        return dataset[index]['data_samples'].gt_sem_seg.data

    state = random.getstate()
    first = draw(SeededIndex(0, (1, 2)))
    assert random.getstate() == state
    np.random.seed(5)
    assert torch.equal(first, draw(SeededIndex(0, (1, 2))))
    others = [draw(SeededIndex(0, (1, i))) for i in range(3, 7)]
    assert any(not torch.equal(first, other) for other in others)


def test_missing_data_says_what_to_do(root):
    message = 'LABELFREE_DATA.*configs/mib/demo_voc_15-1.py'
    with pytest.raises(FileNotFoundError, match=f'nowhere does not exist.*{message}'):
        make(root / 'nowhere', 0)
    voc = dict(type='PascalVOCDataset', ann_file='train.txt', img_suffix='.png')
    with pytest.raises(FileNotFoundError, match=f'train.txt does not.*{message}'):
        make(root, 0, [['dog']], voc)
    with pytest.raises(FileNotFoundError, match='labels does not exist'):
        prefix = dict(img_path='images', seg_map_path='labels')
        make(root, 0, inner=dict(data_prefix=prefix))
    (root / 'masks' / '03.png').unlink()
    with pytest.raises(FileNotFoundError, match='03.png does not exist'):
        make(root, 0)


@pytest.mark.parametrize(
    ('step', 'arguments', 'message'),
    [
        (3, {}, 'step 3 .* steps 0 to 2'),
        (0, dict(task=[['dogs']]), "'dogs' .* close names: dog;"),
        (0, dict(task=[['dog'], ['background']]), "'background' as a class to learn"),
        (0, dict(setup='both'), "setup='both'"),
        (0, dict(void='skip'), "void='skip'.*'background', 'ignore'"),
        (0, dict(future='skip'), "future='skip'"),
        (0, dict(inner=dict(pipeline=LOAD[:1])), 'no LoadAnnotations'),
    ],
)
def test_wrong_arguments(root, step, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(root, step, **arguments)


def test_step_without_images(root):
    for i in (3, 5):
        Image.new('L', (3, 1)).save(root / 'masks' / f'{i:02d}.png')
    with pytest.raises(ValueError) as error:
        make(root, 2)
    for part in ('step 2', 'custom_2-1-1', 'sheep', 'overlapped', str(root)):
        assert part in str(error.value)


def test_mask_with_an_unknown_value(root):
    for i in (1, 4):
        Image.fromarray(np.array([[77, 3, 99]], np.uint8)).save(
            root / 'masks' / f'{i:02d}.png'
        )
    message = r'01.png holds the values \[77, 99\].*2 masks'
    with pytest.raises(ValueError, match=message):
        make(root, 0)
