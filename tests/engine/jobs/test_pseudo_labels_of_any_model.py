"""The job that writes label maps, of any model; that of zero-label data is apart."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from PIL import Image

from mmseg_labelfree.engine.jobs import PseudoLabelJob


@pytest.fixture
def labeling(tiny, tmp_path):
    """A stage that labels the boxes by a model with random weights."""
    torch.manual_seed(0)
    cfg = copy.deepcopy(tiny)
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    cfg.checkpoint = str(tmp_path / 'random.pth')
    torch.save(dict(meta={}, state_dict=model.state_dict()), cfg.checkpoint)
    cfg.train_dataloader.dataset.indices = 5
    return cfg


def run(cfg, **settings):
    """Metrics and label maps."""
    metrics = PseudoLabelJob(cfg.checkpoint, **settings).run(copy.deepcopy(cfg))
    return metrics, read(cfg.work_dir)


def read(work_dir):
    files = sorted(Path(work_dir, 'labels').glob('*.png'))
    return {file.stem: np.asarray(Image.open(file)) for file in files}


def logits_of(cfg, dataset):
    """Logits (C, H, W) of each image, by the model's own prediction."""
    model = MODELS.build(cfg.model)
    model.load_state_dict(torch.load(cfg.checkpoint)['state_dict'])
    model.eval()
    found = {}
    for index in range(len(dataset)):
        batch = {key: [value] for key, value in dataset[index].items()}
        sample = model.test_step(batch)[0]
        found[Path(sample.img_path).stem] = sample.seg_logits.data
    return found


@pytest.fixture
def plain(labeling):
    """The images as they are."""
    images = copy.deepcopy(labeling.train_dataloader.dataset)
    images.pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    return DATASETS.build(images)


def test_labels_are_the_predictions_of_whole_images(labeling, plain):
    metrics, labels = run(labeling)
    wanted = logits_of(labeling, plain)
    assert labels.keys() == wanted.keys()
    for name, logits in wanted.items():
        assert np.array_equal(labels[name], logits.argmax(0).numpy())
    assert metrics == dict(pseudo_share=100)


def test_one_output_for_two_classes_labels_both(labeling, plain):
    head = labeling.model.decode_head
    head.update(num_classes=2, out_channels=1, threshold=0.4)
    head.loss_decode.use_sigmoid = True
    model = MODELS.build(labeling.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    torch.save(dict(meta={}, state_dict=model.state_dict()), labeling.checkpoint)
    wanted = logits_of(labeling, plain)  # probabilities
    _, labels = run(labeling)
    for name, probability in wanted.items():
        assert np.array_equal(labels[name], (probability[0] > 0.4).numpy())
    assert len({*np.unique(np.stack([*labels.values()]))}) == 2


def test_improbable_pixels_have_no_label(labeling, plain):
    metrics, labels = run(labeling, threshold=0.5)
    unlabeled = []
    for name, logits in logits_of(labeling, plain).items():
        top, best = logits.softmax(0).max(0)
        want = best.masked_fill(top < 0.5, 255).numpy()
        assert np.array_equal(labels[name], want)
        unlabeled.append((want == 255).mean())
    assert metrics['pseudo_share'] == pytest.approx(100 - 100 * np.mean(unlabeled))
    assert 0 < metrics['pseudo_share'] < 100


def test_labels_are_classes_of_the_image(labeling, plain, tmp_path):
    file = tmp_path / 'labels.csv'
    names = [f'train_{k:03d}' for k in range(5)]
    given = [['square'], ['bar'], ['dot'], ['frame'], ['square', 'dot']]
    lines = [','.join([n, *c]) for n, c in zip(names, given, strict=True)]
    file.write_text('\n'.join(lines))
    dataset = dict(
        type='ImageLabelDataset',
        labels=str(file),
        dataset=labeling.train_dataloader.dataset,
    )
    _, labels = run(labeling, dataset=dataset)
    classes = ('background', 'square', 'bar', 'dot', 'frame')
    for (name, logits), present in zip(
        logits_of(labeling, plain).items(), given, strict=True
    ):
        known = [0, *(classes.index(c) for c in present)]
        best = logits[known].argmax(0).numpy()
        assert np.array_equal(labels[name], np.array(known)[best])


def test_a_field_that_a_model_adds(labeling, monkeypatch):
    from mmengine.structures import PixelData
    from mmseg.models import EncoderDecoder

    predict = EncoderDecoder.predict

    def with_marks(self, inputs, data_samples):
        samples = predict(self, inputs, data_samples)
        for sample in samples:
            size = sample.pred_sem_seg.data.shape
            sample.set_data(dict(mark=PixelData(data=torch.full(size, 3))))
        return samples

    monkeypatch.setattr(EncoderDecoder, 'predict', with_marks)
    _, labels = run(labeling, field='mark')
    assert all((x == 3).all() for x in labels.values())
    with pytest.raises(ValueError, match='the model gives no other: it has .*mark'):
        labeling.work_dir += '_2'
        run(labeling, field='other')


def test_activation_maps_of_an_image_level_segmentor(labeling, boxes_root):
    labeling.model.update(
        type='ImageLevelEncoderDecoder',
        image_head=dict(type='ImageLabelHead', in_channels=32, num_classes=4),
        pseudo_labels=dict(background_low=0.3, background_high=0.6),
    )
    torch.manual_seed(0)
    model = MODELS.build(labeling.model)
    torch.save(dict(meta={}, state_dict=model.state_dict()), labeling.checkpoint)
    dataset = labeling.train_dataloader.dataset
    dataset.indices = 24
    labeling.train_dataloader.dataset = dict(type='ImageLabelDataset', dataset=dataset)
    _, labels = run(labeling, field='pseudo_sem_seg')
    assert len(labels) == 24
    for name, found in labels.items():
        mask = np.asarray(Image.open(boxes_root / f'SegmentationClass/{name}.png'))
        assert found.shape == mask.shape
        assert set(np.unique(found)) <= {0, 255, *np.unique(mask).tolist()}
    assert len({x for found in labels.values() for x in np.unique(found)}) > 3


def test_a_stopped_job_goes_on_and_refuses_other_settings(labeling):
    _, first = run(labeling)
    folder = Path(labeling.work_dir, 'labels')
    kept = (folder / 'train_003.png').stat().st_mtime_ns
    for name in ('train_000', 'train_001'):
        (folder / f'{name}.png').unlink()
    _, second = run(labeling)
    for name, labels in first.items():
        assert np.array_equal(labels, second[name])
    assert (folder / 'train_003.png').stat().st_mtime_ns == kept
    with pytest.raises(ValueError, match=r'threshold was 0\.0, is 0\.5'):
        run(labeling, threshold=0.5)


def test_stock_data_trains_on_the_labels(labeling, boxes_root):
    _, labels = run(labeling)
    images = copy.deepcopy(labeling.train_dataloader.dataset)
    images.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadPseudoAnnotations', folder=f'{labeling.work_dir}/labels'),
        dict(type='PackSegInputs'),
    ]
    dataset = DATASETS.build(images)
    for index, want in enumerate(labels.values()):
        found = dataset[index]['data_samples'].gt_sem_seg.data[0].numpy()
        assert np.array_equal(found, want)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(threshold=1.0), 'threshold must be in 0 to 1, not 1.0'),
        (dict(field='mark', threshold=0.5), 'mark has no probabilities'),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        PseudoLabelJob('somewhere.pth', **settings)


def label_all(path, checkpoint, work_dir):
    cfg = Config.fromfile(path)
    cfg.update(work_dir=str(work_dir))
    return PseudoLabelJob(checkpoint, threshold=0.5).run(cfg)


@pytest.mark.slow
def test_two_processes_equal_one(labeling, tmp_path, in_two_processes):
    path = tmp_path / 'labeling.py'
    path.write_text(labeling.pretty_text)
    one, two = tmp_path / 'one', tmp_path / 'two'
    metrics = label_all(path, labeling.checkpoint, one)
    both = in_two_processes(label_all, path, labeling.checkpoint, two)
    assert both == [metrics, metrics]
    wanted, found = read(one), read(two)
    assert wanted.keys() == found.keys() and len(found) == 5
    for name, labels in wanted.items():
        assert np.array_equal(found[name], labels)
