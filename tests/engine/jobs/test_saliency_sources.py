import cv2
import numpy as np
import pytest
import torch
from mmseg.registry import MODELS, TASK_UTILS
from PIL import Image

from mmseg_labelfree.engine.jobs import CachedSaliency, SaliencySource
from mmseg_labelfree.engine.jobs.saliency_sources import saliency_in_files


@pytest.fixture
def image():
    image = np.full((40, 50, 3), 90, np.uint8)
    image[10:30, 15:40] = (30, 40, 220)
    return image


@pytest.fixture
def counting():
    """A source that counts what it makes."""
    calls = []

    @TASK_UTILS.register_module()
    class CountingSaliency(SaliencySource):
        def __init__(self, channel=0):
            self.channel = channel

        def saliency(self, image, image_id):
            calls.append(image_id)
            return image[..., self.channel]

    yield calls
    TASK_UTILS.module_dict.pop('CountingSaliency')


def test_folder_reads_maps_and_resizes_them(tmp_path, image):
    source = TASK_UTILS.build(dict(type='SaliencyFolder', folder=str(tmp_path)))
    assert not source.has_map('a')
    with pytest.raises(FileNotFoundError, match=r'a has no saliency map .*a\.png'):
        source.saliency(image, 'a')
    values = np.arange(40 * 50, dtype=np.uint8).reshape(40, 50)
    Image.fromarray(values).save(tmp_path / 'a.png')
    assert source.has_map('a')
    assert np.array_equal(source.saliency(image, 'a'), values)
    Image.fromarray(np.full((20, 25), 77, np.uint8)).save(tmp_path / 'b.png')
    assert source.saliency(image, 'b').tolist() == [[77] * 50] * 40
    Image.fromarray(values.T).save(tmp_path / 'turned.png')
    Image.fromarray(values[:30, :30]).save(tmp_path / 'squashed.png')
    for name in ('turned', 'squashed'):
        with pytest.raises(ValueError, match=f'{name}.png is .* its image .40, 50.'):
            source.saliency(image, name)
    Image.fromarray(image).save(tmp_path / 'c.png')
    with pytest.raises(ValueError, match='image mode RGB'):
        source.saliency(image, 'c')


def test_cache_computes_a_map_once(tmp_path, image, counting):
    folder = tmp_path / 'new'
    source = dict(type='CountingSaliency')
    config = dict(type='CachedSaliency', source=source, folder=str(folder))
    for _ in range(2):
        cached = TASK_UTILS.build(config)
        assert cached.has_map('x/a') and cached.has_map('not yet')
        assert np.array_equal(cached.saliency(image, 'x/a'), image[..., 0])
    assert counting == ['x/a']
    files = [p.relative_to(folder) for p in folder.rglob('*') if p.is_file()]
    assert sorted(map(str, files)) == ['settings.json', 'x/a.png']
    other = dict(config, source=dict(source, channel=1))
    with pytest.raises(ValueError, match='channel was not set, is 1'):
        TASK_UTILS.build(other)


def test_maps_in_files_are_taken_as_they_are(tmp_path, image, counting):
    folder = dict(type='SaliencyFolder', folder=str(tmp_path / 'maps'))
    with pytest.raises(FileNotFoundError, match=r'no folder of saliency maps .*maps: '):
        saliency_in_files(folder, tmp_path / 'cache')
    (tmp_path / 'maps').mkdir()
    source = saliency_in_files(folder, tmp_path / 'cache')
    assert not isinstance(source, CachedSaliency)
    assert source.path('a') == tmp_path / 'maps/a.png'
    source = saliency_in_files(dict(type='CountingSaliency'), tmp_path / 'cache')
    source.saliency(image, 'a')
    assert (tmp_path / 'cache/a.png').is_file() and counting == ['a']


def test_untrained_source(image):
    source = TASK_UTILS.build(dict(type='RobustBackgroundSaliency', num_superpixels=60))
    values = source.saliency(image, 'a')
    assert values.dtype == np.uint8 and values.shape == (40, 50)
    assert values[15:25, 20:35].min() > 200 and values[:5].max() < 50


@pytest.mark.parametrize('stretch', [False, True])
def test_network_source_equals_the_network(tmp_path, image, stretch):
    torch.manual_seed(0)
    model = dict(type='SaliencyNet', width=2, num_blocks=(1,) * 6)
    net = MODELS.build(model).eval()
    torch.save(dict(state_dict=net.state_dict()), tmp_path / 'net.pth')
    config = dict(
        type='NetworkSaliency',
        model=model,
        stretch=stretch,
        checkpoint=str(tmp_path / 'net.pth'),
        size=None,
    )
    values = TASK_UTILS.build(config).saliency(image, 'a')
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.float32)
    rgb = (rgb - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    x = torch.tensor(rgb.transpose(2, 0, 1)[None], dtype=torch.float32)
    with torch.no_grad():
        expected = net(x)[0][0, 0].sigmoid().numpy()
    if stretch:
        expected = (expected - expected.min()) / np.ptp(expected)
        assert (values.min(), values.max()) == (0, 255)
    assert abs(values - 255 * expected).max() < 0.51
    resized = TASK_UTILS.build(dict(config, size=(32, 64))).saliency(image, 'a')
    assert resized.shape == (40, 50)


def test_network_source_refuses_other_weights(tmp_path):
    config = dict(
        type='NetworkSaliency',
        model=dict(type='SaliencyNet', width=2),
        checkpoint=str(tmp_path / 'net.pth'),
    )
    with pytest.raises(FileNotFoundError, match=r'net\.pth'):
        TASK_UTILS.build(config)
    torch.save(dict(state_dict=dict(a=torch.zeros(1))), tmp_path / 'net.pth')
    with pytest.raises(ValueError, match='do not fit the saliency network'):
        TASK_UTILS.build(config)
