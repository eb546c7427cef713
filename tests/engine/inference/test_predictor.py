import copy
import csv

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmseg.apis import inference_model, init_model
from PIL import Image

from mmseg_labelfree.engine.inference.media import Frame, find_media
from mmseg_labelfree.engine.inference.output import PredictionWriter, overlay
from mmseg_labelfree.engine.inference.predictor import Prediction, Predictor
from mmseg_labelfree.engine.inference.runs import find_run

CLASSES = ['background', 'square', 'bar', 'dot', 'frame']
COLORS = [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]
SYSTEMS = ('tiny', 'incremental', 'semi', 'novel', 'strict', 'iddc')


class PathReader(BaseTransform):
    def transform(self, results):
        assert results['img_path']
        return results


@pytest.fixture
def photos(tmp_path):
    """Five images of two sizes."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'photos'
    folder.mkdir()
    for index in range(5):
        size = (24, 32, 3) if index % 2 else (32, 24, 3)
        array = rng.integers(0, 256, size).astype(np.uint8)
        Image.fromarray(array).save(folder / f'{index}.png')
    return folder


@pytest.mark.parametrize('system', SYSTEMS)
def test_as_mmsegmentation_predicts(system, last_stage, photos, tmp_path, save_run):
    cfg = last_stage(system)
    dataset = cfg.val_dataloader.dataset
    cfg.test_pipeline = copy.deepcopy(dataset.get('dataset', dataset).pipeline)
    save_run(cfg, tmp_path / 'run', CLASSES, COLORS)
    run = find_run(str(tmp_path / 'run'))
    frames = [f for m in find_media([photos]) for f in m.frames()]
    found = {
        p.frame.name: p.labels
        for p in Predictor(run.build('cpu'), run.pipeline, 2)(frames)
    }
    assert len(found) == 5
    stock = init_model(run.config, str(run.checkpoint), device='cpu')
    for frame in frames:
        expected = inference_model(stock, str(frame.image)).pred_sem_seg.data[0]
        np.testing.assert_array_equal(found[frame.name], expected.numpy())


def test_whole_images_where_the_test_scores_a_crop(tiny, photos, tmp_path, save_run):
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    plain = find_run(str(tmp_path / 'run')).pipeline
    part = [
        dict(type='CenterCrop', crop_size=(28, 28)),
        dict(type='Pad', size=(28, 28)),
        dict(type='ScoreAtCurrentSize'),
    ]
    frames = [f for m in find_media([photos]) for f in m.frames()]
    whole = Predictor(model, plain)(frames)
    for one, other in zip(
        whole, Predictor(model, [*plain[:-1], *part, plain[-1]])(frames), strict=True
    ):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert other.labels.shape == other.image.shape[:2]


def test_photos_of_another_light_are_predicted_as_they_are(
    tiny, photos, tmp_path, save_run
):
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    plain = find_run(str(tmp_path / 'run')).pipeline
    night = [plain[0], dict(type='AppearanceShift', gamma=5.0), *plain[1:]]
    frames = [f for m in find_media([photos]) for f in m.frames()]
    for one, other in zip(
        Predictor(model, plain)(frames), Predictor(model, night)(frames), strict=True
    ):
        np.testing.assert_array_equal(one.labels, other.labels)


def test_frames_are_as_good_as_files(tiny, photos, tmp_path, save_run):
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    pipeline = find_run(str(tmp_path / 'run')).pipeline
    file = photos / '0.png'
    frames = [Frame('file', file), Frame('frame', cv2.imread(str(file)))]
    first, second = Predictor(model, pipeline, batch_size=4)(frames)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.image, second.image)
    named = [pipeline[0], dict(type=PathReader), *pipeline[1:]]
    first, second = Predictor(model, named)(frames)
    np.testing.assert_array_equal(first.labels, second.labels)
    broken = photos / 'broken.png'
    broken.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ValueError, match=r'broken.png is damaged'):
        list(Predictor(model, pipeline)([Frame('broken', broken)]))
    with pytest.raises(ValueError, match='batch_size=0'):
        Predictor(model, pipeline, batch_size=0)


def test_files_of_images_and_of_a_video(tiny, photos, tmp_path, save_run):
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    pipeline = find_run(str(tmp_path / 'run')).pipeline
    image = cv2.imread(str(photos / '0.png'))
    image = cv2.resize(image, (64, 48))
    frames = [Frame('a/image', image), *(Frame(f'v/{k}', image, 'v') for k in range(3))]
    out = tmp_path / 'out'
    with PredictionWriter(out, CLASSES, COLORS, rates=dict(v=5.0)) as writer:
        for prediction in Predictor(model, pipeline)(frames):
            writer.write(prediction)
    with Image.open(out / 'masks/a/image.png') as mask:
        np.testing.assert_array_equal(np.asarray(mask), prediction.labels)
        shown = np.asarray(mask.convert('RGB'))
    np.testing.assert_array_equal(shown, np.array(COLORS)[prediction.labels])
    assert (out / 'masks/v/2.png').is_file() and (
        out / 'overlays/a/image.jpg'
    ).is_file()
    video = cv2.VideoCapture(str(out / 'overlays/v.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    rows = list(csv.DictReader((out / 'areas.csv').open()))
    assert {row['image'] for row in rows} == {'a/image', 'v/0', 'v/1', 'v/2'}
    own = [row for row in rows if row['image'] == 'a/image']
    assert sum(int(row['pixels']) for row in own) == 48 * 64
    for row in own:
        label = CLASSES.index(row['class'])
        assert int(row['pixels']) == (prediction.labels == label).sum()
    assert sum(float(row['percent']) for row in own) == pytest.approx(100, abs=0.1)


def test_a_video_is_there_whole_or_not_at_all(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    prediction = Prediction(Frame('v/0', image, 'v'), image, image[..., 0])
    video = tmp_path / 'overlays/v.mp4'
    with pytest.raises(KeyError), PredictionWriter(tmp_path, CLASSES, COLORS) as writer:
        writer.write(prediction)
        assert not video.exists()
        raise KeyError
    assert list(video.parent.iterdir()) == []
    with PredictionWriter(tmp_path, CLASSES, COLORS) as writer:
        writer.write(prediction)
    assert list(video.parent.iterdir()) == [video]


def test_overlays_of_gray_and_deep_images():
    labels, colors = np.array([[0, 1]]), np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    gray = np.array([[0, 4095]], np.uint16)
    assert overlay(gray, labels, colors, 0.0).tolist() == [[[0] * 3, [255] * 3]]
    assert overlay(gray, labels, colors, 1.0)[0].tolist() == [[0, 0, 0], [255, 0, 0]]
    with pytest.raises(ValueError, match='opacity=2 is not in 0 to 1'):
        PredictionWriter('x', ['a'], colors, opacity=2)


def test_masks_of_something_else_are_not_overwritten(tmp_path):
    (tmp_path / 'own/masks').mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r'own/masks is there without .*choose another'
    ):
        PredictionWriter(tmp_path / 'own', CLASSES, COLORS)
    (tmp_path / 'own/overlays').mkdir()
    PredictionWriter(tmp_path / 'own', CLASSES, COLORS)


def test_more_outputs_than_a_byte_tells_apart(tiny, photos, tmp_path, save_run):
    tiny.model.decode_head.num_classes = 300
    names = [f'class {k}' for k in range(300)]
    model = save_run(
        tiny, tmp_path / 'run', names, [[0, 0, k % 256] for k in range(300)]
    )
    with torch.no_grad():
        model.decode_head.conv_seg.bias[299] = 1e4
    frames = [f for m in find_media([photos / '0.png']) for f in m.frames()]
    pipeline = find_run(str(tmp_path / 'run')).pipeline
    (prediction,) = Predictor(model, pipeline)(frames)
    assert np.unique(prediction.labels).tolist() == [299]
    with pytest.raises(ValueError, match='has 300 outputs, and masks of 8 bits hold'):
        PredictionWriter(tmp_path / 'out', names, COLORS)
