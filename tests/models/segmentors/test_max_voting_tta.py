import copy
import weakref
from collections import Counter

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_labelfree.utils.test_options import use_tta

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5)
FLIPS = ((0.0, 'horizontal'), (1.0, 'horizontal'), (1.0, 'vertical'))


def tta_pipeline():
    return [
        dict(type='LoadImageFromFile'),
        dict(
            type='TestTimeAug',
            transforms=[
                [dict(type='Resize', scale_factor=s, keep_ratio=True) for s in SCALES],
                [dict(type='RandomFlip', prob=p, direction=d) for p, d in FLIPS],
                [dict(type='LoadAnnotations')],
                [dict(type='PackSegInputs')],
            ],
        ),
    ]


@pytest.fixture
def odd_config(incremental, tmp_path):
    """Three test images of odd and different sizes; step 2 without a protocol."""
    root = tmp_path / 'odd'
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [f'image_{i}' for i in range(3)]
    for name, size in zip(names, ((33, 41), (27, 30), (40, 21)), strict=True):
        image = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC)
        label = rng.integers(0, 5, size, dtype=np.uint8)
        Image.fromarray(image).save(root / f'JPEGImages/{name}.jpg', quality=95)
        Image.fromarray(label).save(root / f'SegmentationClass/{name}.png')
    (root / 'ImageSets/Segmentation/val.txt').write_text('\n'.join(names) + '\n')
    cfg = incremental
    cfg.pop('protocol')
    cfg.model.distillation = []
    cfg.model.decode_head.num_classes = 5
    cfg.model.decode_head.init_cfg = dict(
        type='Normal', std=0.5, override=dict(name='conv_seg')
    )
    cfg.model.data_preprocessor.test_cfg = dict(size_divisor=8)  # pads most views
    cfg.test_dataloader.dataset.dataset.data_root = str(root)
    cfg.test_dataloader.dataset.step = 2
    cfg.tta_pipeline = tta_pipeline()
    return cfg


class Keep(Hook):
    """Keeps the merged samples of a test."""

    def __init__(self):
        self.samples = []

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.samples += outputs


def view_size(width, height, scale):
    """Resize(keep_ratio=True) rounds a side, then follows the smaller ratio."""
    rounded = int(width * scale + 0.5), int(height * scale + 0.5)
    ratio = min(max(rounded) / max(width, height), min(rounded) / min(width, height))
    return int(width * ratio + 0.5), int(height * ratio + 0.5)


def view_probabilities(model, path, scale, flip):
    """Softmax (C, H, W) of one view, without mmseg's pipeline and post-processing."""
    image = cv2.imread(str(path))
    height, width = image.shape[:2]
    small = view_size(width, height, scale)
    view = cv2.resize(image, small, interpolation=cv2.INTER_LINEAR)
    axis = dict(horizontal=1, vertical=0)[flip[1]] if flip[0] else None
    if axis is not None:
        view = np.flip(view, axis)
    x = torch.from_numpy(view[..., ::-1].copy()).permute(2, 0, 1).float()
    x = (x - 100) / 60
    pad = [(-small[0]) % 8, (-small[1]) % 8]
    x = F.pad(x, (0, pad[0], 0, pad[1]))[None]
    with torch.no_grad():
        logits = model(x, mode='tensor')
    logits = F.interpolate(logits, x.shape[2:], mode='bilinear', align_corners=False)
    logits = logits[0, :, : small[1], : small[0]]
    if axis is not None:
        logits = logits.flip(1 + axis)
    logits = F.interpolate(
        logits[None], (height, width), mode='bilinear', align_corners=False
    )
    return logits[0].softmax(0).numpy()


def slow_vote(views, vote):
    """Class of each pixel, one pixel at a time."""
    _, height, width = views[0].shape
    labels = np.empty((height, width), int)
    for i in range(height):
        for j in range(width):
            pixels = [v[:, i, j] for v in views]
            if vote == 'max':
                labels[i, j] = np.max(pixels, axis=0).argmax()
            else:
                counts = Counter(int(p.argmax()) for p in pixels)
                total = np.sum(pixels, axis=0)
                labels[i, j] = max(counts, key=lambda c: (counts[c], total[c]))
    return labels


@pytest.mark.slow
@pytest.mark.parametrize('vote', ['max', 'majority'])
def test_runner_equals_slow_views(odd_config, vote):
    odd_config.tta_model = dict(type='MaxVotingTTAModel', vote=vote)
    use_tta(odd_config)
    runner = Runner.from_cfg(odd_config)
    runner.model.module.init_weights()
    keep = Keep()
    runner.register_hook(keep)
    metrics = runner.test()
    assert len(keep.samples) == 3
    correct = total = mixed = 0
    for sample in keep.samples:
        views = [
            view_probabilities(runner.model.module, sample.img_path, s, f)
            for s in SCALES
            for f in FLIPS
        ]
        expected = slow_vote(views, vote)
        labels = sample.pred_sem_seg.data
        assert labels.shape == (1, *expected.shape)
        assert np.array_equal(labels[0].numpy(), expected)
        assert torch.equal(sample.seg_logits.data.argmax(0), labels[0])
        probabilities = sample.seg_logits.data.softmax(0).numpy()
        if vote == 'max':
            share = np.max(views, axis=0)
        else:
            share = sum(v == v.max(0, keepdims=True) for v in views)
            share = share + sum(views) / (len(views) + 1)
        share = share / share.sum(0, keepdims=True)
        np.testing.assert_allclose(probabilities, share, rtol=1e-3, atol=1e-6)
        mixed += (views[2 * len(FLIPS)].argmax(0) != expected).sum()
        truth = sample.gt_sem_seg.data[0].numpy()
        correct += (expected == truth).sum()
        total += truth.size
    assert mixed > 0  # the vote does change labels
    assert metrics['aAcc'] == pytest.approx(100 * correct / total, abs=0.006)


def prediction(probabilities, **metainfo):
    data = torch.tensor(probabilities, dtype=torch.float32).log()[:, :, None]
    sample = SegDataSample(metainfo=dict(img_path='a.jpg', **metainfo))
    return sample.set_data(dict(seg_logits=PixelData(data=data))) or sample


@pytest.fixture
def build(incremental):
    def build_model(**kwargs):
        module = copy.deepcopy(incremental.model)
        module.distillation = []
        return MODELS.build(dict(type='MaxVotingTTAModel', module=module, **kwargs))

    return build_model


def test_votes_differ_as_they_should(build):
    """Pixels (columns): one sure view against many; a tie; agreement."""
    views = [
        [[0.90, 0.40, 0.10], [0.05, 0.30, 0.80], [0.05, 0.30, 0.10]],
        [[0.40, 0.10, 0.10], [0.50, 0.60, 0.70], [0.10, 0.30, 0.20]],
        [[0.40, 0.20, 0.05], [0.50, 0.20, 0.90], [0.10, 0.60, 0.05]],
    ]
    expected = dict(max=[0, 1, 1], majority=[1, 2, 1])
    for vote, labels in expected.items():
        samples = [prediction(v) for v in views]
        (merged,) = build(vote=vote).merge_preds([samples])
        assert merged.pred_sem_seg.data[0, :, 0].tolist() == labels
        assert merged.img_path == 'a.jpg'


def test_logits_are_averaged_by_size_and_the_largest_wins(build):
    """Two sizes, an image and its mirror image each (AFA); columns are pixels."""
    logits = torch.tensor(
        [
            [[[2.0, 0.0]], [[0.0, 1.0]]],
            [[[4.0, 0.0]], [[0.0, 3.0]]],
            [[[1.0, 0.0]], [[8.0, 0.0]]],
            [[[1.0, 0.0]], [[0.0, 1.0]]],
        ]
    )
    samples = []
    for values, size in zip(logits, (8, 8, 4, 4), strict=True):
        sample = SegDataSample(metainfo=dict(img_path='a.jpg', img_shape=(size, size)))
        sample.set_data(dict(seg_logits=PixelData(data=values)))
        samples.append(sample)
    (merged,) = build(vote='logits').merge_preds([samples])
    expected = torch.tensor([[[3.0, 0.0]], [[4.0, 2.0]]])
    torch.testing.assert_close(merged.seg_logits.data, expected)
    assert merged.pred_sem_seg.data.flatten().tolist() == [1, 1]


def test_memory_does_not_grow_with_the_views(build):
    model = build()
    alive = []
    inner, seen = model.module.test_step, []

    def watch(data):
        samples = inner(data)
        alive.append(sum(ref() is not None for ref in seen))
        seen.extend(weakref.ref(s.seg_logits.data) for s in samples)
        return samples

    model.module.test_step = watch
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    sample = SegDataSample(metainfo=dict(ori_shape=(8, 8), img_shape=(8, 8)))
    data = dict(inputs=[[image]] * 8, data_samples=[[sample]] * 8)
    model.eval()
    with torch.no_grad():
        model.test_step(data)
    # The first view's sample carries the result; of the others one is alive at most.
    assert len(alive) == 8 and max(alive) <= 2


def test_bad_input(build):
    with pytest.raises(ValueError, match="vote='median' is unknown"):
        build(vote='median')
    model = build()
    small, large = prediction([[0.5], [0.5]]), prediction([[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match='a.jpg: .* ori_shape differs'):
        model.merge_preds([[small, large]])
    with pytest.raises(ValueError, match='use SegTTAModel'):
        model.merge_preds([[prediction([[0.5]])]])
