import multiprocessing

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_labelfree.ops.dense_crf import dense_crf

pytestmark = pytest.mark.usefixtures('pydensecrf')
CLASSES = ('background', 'a', 'b')
COLORS = np.array([[200, 60, 40], [40, 70, 190], [60, 180, 60]], np.uint8)
CRF = dict(iterations=4, bilateral_xy=10)


@pytest.fixture(scope='module')
def samples(tmp_path_factory):
    """Seven images with their file, logits and ground truth; sizes differ."""
    folder = tmp_path_factory.mktemp('images')
    generator = torch.Generator().manual_seed(0)
    result = []
    for index in range(7):
        height, width = 20 + index, 30 - 2 * index
        rows, columns = np.mgrid[:height, :width]
        label = (columns + rows // 2 > width // 2).astype(int) + (rows > height * 0.7)
        path = folder / f'image_{index}.png'
        Image.fromarray(COLORS[label]).save(path)
        truth = torch.from_numpy(label.copy())
        logits = torch.nn.functional.one_hot(truth, 3).permute(2, 0, 1).float()
        logits += torch.randn(logits.shape, generator=generator)
        truth[0, :3] = 255
        sample = dict(
            img_path=str(path),
            seg_logits=dict(data=logits),
            pred_sem_seg=dict(data=logits.argmax(0, keepdim=True)),
            gt_sem_seg=dict(data=truth[None]),
        )
        result.append((sample, COLORS[label]))
    return result


def build(num_workers=1, **kwargs):
    inner = dict(type='GroupedIoUMetric', groups=dict(both=['a', 'b']), classwise=True)
    cfg = dict(
        type='DenseCRFMetric', metric=inner | kwargs, num_workers=num_workers, **CRF
    )
    metric = METRICS.build(cfg)
    metric.dataset_meta = dict(classes=CLASSES)
    return metric


def refined_labels(image, sample):
    probabilities = sample['seg_logits']['data'].softmax(0).numpy()
    return dense_crf(image, probabilities, **CRF).argmax(0)


@pytest.mark.parametrize('num_workers', [1, 2])
def test_equals_sequential_refinement(samples, num_workers, tmp_path):
    running = multiprocessing.active_children()
    metric = build(num_workers, output_dir=str(tmp_path / 'masks'))
    assert metric.metric.dataset_meta == metric.dataset_meta == dict(classes=CLASSES)
    reference = METRICS.build(
        dict(type='GroupedIoUMetric', groups=dict(both=['a', 'b']), classwise=True)
    )
    reference.dataset_meta = dict(classes=CLASSES)
    plain = METRICS.build(dict(type='IoUMetric'))
    plain.dataset_meta = dict(classes=CLASSES)
    for number, (sample, image) in enumerate(samples, 1):
        metric.process({}, [sample])
        assert number - len(metric.metric.results) <= 2 * num_workers  # that wait
        labels = refined_labels(image, sample)
        sequential = sample | dict(pred_sem_seg=dict(data=torch.tensor(labels)[None]))
        reference.process({}, [sequential])
        plain.process({}, [sample])
    result = metric.evaluate(len(samples))
    assert result == reference.evaluate(len(samples))
    assert result['mIoU'] > plain.evaluate(len(samples))['mIoU'] + 5
    for sample, image in samples:  # the masks on disk are the refined ones
        name = sample['img_path'].rsplit('/', 1)[1]
        mask = np.asarray(Image.open(tmp_path / 'masks' / name))
        assert np.array_equal(mask, refined_labels(image, sample))
    # A second evaluation starts anew.
    metric.process({}, [samples[0][0]])
    assert metric.evaluate(1)['aAcc'] > 90
    assert multiprocessing.active_children() == running


def test_image_of_the_prediction(samples, tmp_path):
    """The network's input if it has the size, else the file, resized."""
    sample, image = samples[0]
    height, width = image.shape[:2]
    crop = (slice(None), slice(3, 15), slice(5, 21))
    cropped = dict(
        img_path=sample['img_path'],
        seg_logits=dict(data=sample['seg_logits']['data'][crop]),
        gt_sem_seg=dict(data=sample['gt_sem_seg']['data'][crop]),
    )
    expected = refined_labels(image[crop[1:]], cropped)
    tensor = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
    views = [tensor[crop].flip(2), tensor, tensor[crop]]
    metas = [SegDataSample(metainfo=dict(flip=f)) for f in (True, False, False)]
    plain = dict(inputs=[tensor[crop]], data_samples=[SegDataSample()])
    augmented = dict(inputs=[[v] for v in views], data_samples=[[m] for m in metas])
    for batch in (plain, augmented):
        folder = tmp_path / str(len(batch['inputs']))
        metric = build(output_dir=str(folder))
        metric.process(batch, [cropped])
        metric.evaluate(1)
        mask = np.asarray(Image.open(folder / 'image_0.png'))
        assert np.array_equal(mask, expected)

    double = tmp_path / 'image_0.png'
    Image.fromarray(image.repeat(2, 0).repeat(2, 1)).save(double)
    metric = build(output_dir=str(tmp_path / 'resized'))
    metric.process({}, [sample | dict(img_path=str(double))])
    metric.evaluate(1)
    mask = np.asarray(Image.open(tmp_path / 'resized/image_0.png'))
    assert np.array_equal(mask, refined_labels(image, sample))


def test_a_failing_worker_names_the_image(samples, tmp_path):
    good = samples[0][0]
    broken = tmp_path / 'broken.png'
    broken.write_text('no image')
    metric = build(num_workers=1)
    metric.process({}, [good, good | dict(img_path=str(broken))])
    with pytest.raises(
        RuntimeError, match='dense CRF of .*broken.png failed .*load image'
    ):
        metric.evaluate(2)
    missing = good | dict(img_path='nowhere/cat.jpg')
    metric.process({}, [missing])
    with pytest.raises(RuntimeError, match='dense CRF of nowhere/cat.jpg failed'):
        for _ in range(5):  # surfaces before the end of the test
            metric.process({}, [good])


def test_bad_settings(samples):
    with pytest.raises(ValueError, match='num_workers must be 1 or more, not 0'):
        build(num_workers=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'bilateral_std'"):
        METRICS.build(
            dict(type='DenseCRFMetric', metric=dict(type='IoUMetric'), bilateral_std=3)
        )
    single = samples[0][0] | dict(seg_logits=dict(data=torch.zeros(1, 4, 4)))
    with pytest.raises(ValueError, match='needs one logit per class'):
        build().process({}, [single])
