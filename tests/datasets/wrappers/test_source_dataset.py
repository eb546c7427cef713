import builtins
import copy

import numpy as np
import pytest
import torch
from mmengine import fileio
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, MODELS
from PIL import Image

from mmseg_labelfree.datasets import SourceDataset
from mmseg_labelfree.datasets.samplers.seeded import SeededIndex
from mmseg_labelfree.models.segmentors import real_pixels

CROP = (24, 24)


@pytest.fixture
def inner(incremental):
    inner = incremental.train_dataloader.dataset.dataset
    inner.serialize_data = False  # packing collects all garbage first: slow
    return inner


def unlabeled(inner, pipeline=None, **kwargs):
    inner = copy.deepcopy(inner)
    if pipeline is not None:
        inner.pipeline = pipeline
    return DATASETS.build(
        dict(type='SourceDataset', dataset=inner, source='u', labeled=False, **kwargs)
    )


def test_labeled_source_is_the_dataset_with_a_tag(inner):
    plain = DATASETS.build(inner)
    tagged = SourceDataset(inner, 'l')
    assert len(tagged) == len(plain) == 24
    assert tagged.metainfo == plain.metainfo
    assert tagged.get_data_info(3) == plain.get_data_info(3)
    torch.manual_seed(0)
    np.random.seed(0)
    expected = plain[5]
    np.random.seed(0)
    sample = tagged[5]
    assert torch.equal(sample['inputs'], expected['inputs'])
    got, want = (s['data_samples'].gt_sem_seg.data for s in (sample, expected))
    assert torch.equal(got, want) and len(want.unique()) > 1
    assert sample['data_samples'].metainfo['source'] == 'l'


def test_unlabeled_source_never_opens_a_mask(inner, monkeypatch):
    opened = []

    def watch(owner, name):
        original = getattr(owner, name)

        def watched(path, *args, **kwargs):
            opened.append(str(path))
            return original(path, *args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    watch(fileio, 'get')
    watch(builtins, 'open')
    watch(Image, 'open')
    labeled, unlabeled_ = SourceDataset(inner, 'l'), unlabeled(inner)
    opened.clear()
    labeled[0]
    assert any('SegmentationClass' in path for path in opened)
    opened.clear()
    samples = [unlabeled_[i]['data_samples'] for i in range(len(unlabeled_))]
    assert any('JPEGImages' in path for path in opened)
    assert not any('SegmentationClass' in path for path in opened)
    for sample in samples:
        assert sample.gt_sem_seg.shape == CROP
        assert sample.gt_sem_seg.data.dtype == torch.int64
        assert (sample.gt_sem_seg.data == 255).all()
        assert 'padding' not in sample and 'seg_map_path' not in sample.metainfo


def test_images_are_those_of_the_labeled_pipeline(inner):
    draw = SeededIndex(4, (7,))
    one, other = SourceDataset(inner, 'l')[draw], unlabeled(inner)[draw]
    assert torch.equal(one['inputs'], other['inputs'])


def test_masks_need_not_exist(inner):
    inner.data_prefix = dict(img_path='JPEGImages')
    assert (unlabeled(inner)[0]['data_samples'].gt_sem_seg.data == 255).all()
    without = [t for t in inner.pipeline if t.type != 'LoadAnnotations']
    assert (unlabeled(inner, without)[0]['data_samples'].gt_sem_seg.data == 255).all()


def test_what_maps_masks_is_left_out(inner):
    """Datasets of raw ids have it in their pipelines, such as Cityscapes27Dataset."""
    table = [*range(5), *[-1] * 250, 255]
    places = [t.type for t in inner.pipeline].index('LoadAnnotations') + 1
    pipeline = copy.deepcopy(inner.pipeline)
    pipeline[places:places] = [dict(type='MapLabels', table=table)]
    pipeline[places:places] = [dict(type='CheckMask')]
    draw = SeededIndex(4, (7,))
    sample = unlabeled(inner, pipeline)[draw]
    assert torch.equal(sample['inputs'], unlabeled(inner)[draw]['inputs'])
    assert (sample['data_samples'].gt_sem_seg.data == 255).all()


def test_padding_is_marked(inner):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomCrop', crop_size=(28, 28), cat_max_ratio=0.75),
        dict(type='RandomRotate', prob=1.0, degree=(45, 45), pad_val=0),
        dict(type='PackSegInputs'),
    ]
    sample = unlabeled(inner, pipeline)[0]
    data_sample = sample['data_samples']
    padding = data_sample.padding.data
    assert padding.dtype == torch.bool and padding.shape == (1, 28, 28)
    assert (data_sample.gt_sem_seg.data == 255).all()
    assert padding[0, 0, 0] and padding[0, -1, -1] and not padding[0, 14, 14]
    black = (sample['inputs'] == 0).all(0)
    assert not black[~padding[0]].any()
    # Padding that is not black lies beside the image, which is rotated bilinearly.
    near = torch.nn.functional.max_pool2d((~padding).float(), 3, 1, 1)[0] > 0
    assert (black | near)[padding[0]].all()

    # The preprocessor pads to 32; that is padding too.
    data_sample.set_metainfo(dict(img_shape=(28, 28)))
    real = real_pixels(torch.zeros(1, 3, 32, 32), [data_sample])
    assert torch.equal(real[0, :28, :28], ~padding[0])
    assert not real[0, 28:].any() and not real[0, :, 28:].any()


def test_drawn_pool_becomes_the_source(inner):
    dataset = unlabeled(inner)
    assert dataset[0]['data_samples'].metainfo['source'] == 'u'
    moved = SeededIndex(0, (1,), source='reliable')
    assert dataset[moved]['data_samples'].metainfo['source'] == 'reliable'


def test_augmentation_follows_the_draw_inside_a_concatenation(inner):
    both = DATASETS.build(
        dict(
            type='ConcatDataset',
            datasets=[
                dict(type='SourceDataset', source='l', dataset=inner),
                dict(type='SourceDataset', source='u', dataset=inner, labeled=False),
            ],
        )
    )
    first, again = (both[SeededIndex(30, (1, 2))]['inputs'] for _ in range(2))
    assert torch.equal(first, again)
    others = [both[SeededIndex(30, (1, k))]['inputs'] for k in range(3, 9)]
    assert any(not torch.equal(first, other) for other in others)


def test_given_object_is_left_alone(inner):
    dataset = DATASETS.build(inner)
    before = dataset.pipeline
    SourceDataset(dataset, 'u', labeled=False)
    assert dataset.pipeline is before


def test_none_draws_another_image(inner, boxes_root):
    class Refuse:
        def __call__(self, results):
            return None if results['img_path'].endswith('train_000.jpg') else results

    inner = DATASETS.build(inner)
    inner.pipeline.transforms.insert(1, Refuse())
    np.random.seed(0)
    sample = SourceDataset(inner, 'l')[0]
    assert not sample['data_samples'].img_path.endswith('train_000.jpg')
    inner.max_refetch = 0
    with pytest.raises(ValueError, match=r'no sample for .*train_000.jpg'):
        SourceDataset(inner, 'l')[0]


def test_what_is_wrong_with_the_data_is_said(inner, tmp_path):
    with pytest.raises(ValueError, match='needs a LoadImageFromFile'):
        unlabeled(inner, [dict(type='PackSegInputs')])
    with pytest.raises(ValueError, match="source 'u' must end with PackSegInputs"):
        unlabeled(inner, [dict(type='LoadImageFromFile')])[0]
    with pytest.raises(ValueError, match='must be a BaseSegDataset'):
        SourceDataset([1, 2], 'l')
    inner.ann_file = 'ImageSets/Segmentation/few.txt'
    with pytest.raises(FileNotFoundError, match='few.txt does not exist'):
        unlabeled(inner)
    inner.ann_file = '1-8/labeled.txt'
    with pytest.raises(FileNotFoundError, match='labeled.txt .*make_partition'):
        unlabeled(inner)
    empty = tmp_path / 'empty.txt'
    empty.write_text('')
    inner.ann_file = str(empty)
    for serialize in (True, False):
        inner.serialize_data = serialize
        with pytest.raises(ValueError, match="source 'u' has no image in"):
            unlabeled(inner)


def test_mixed_batch_passes_the_preprocessor(incremental, inner):
    loader = Runner.build_dataloader(
        dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='MultiSourceSampler', source_counts=dict(l=2, u=2)),
            dataset=dict(
                type='ConcatDataset',
                datasets=[
                    dict(type='SourceDataset', source='l', dataset=inner),
                    dict(
                        type='SourceDataset', source='u', dataset=inner, labeled=False
                    ),
                ],
            ),
        ),
        seed=0,
    )
    preprocessor = MODELS.build(
        dict(incremental.model.data_preprocessor, size=(32, 32), size_divisor=None)
    )
    data = preprocessor(next(iter(loader)), training=True)
    assert data['inputs'].shape == (4, 3, 32, 32)
    labels = torch.stack([s.gt_sem_seg.data for s in data['data_samples']])
    assert (labels[2:] == 255).all() and (labels[:2, :, :24, :24] != 255).all()
    real = real_pixels(data['inputs'], data['data_samples'])
    assert real.sum((1, 2)).tolist() == [24 * 24] * 4
    assert isinstance(loader.dataset.datasets[0].dataset, BaseSegDataset)
