import numpy as np
import pytest
import torch
from PIL import Image

from mmseg_labelfree.visualization import (
    write_cluster_scatter,
    write_entropy_histogram,
    write_panels,
)
from mmseg_labelfree.visualization.figures import label_colors
from mmseg_labelfree.visualization.panels import picture


def colors_in(path):
    image = np.asarray(Image.open(path).convert('RGB'))
    return {tuple(c) for c in image.reshape(-1, 3).tolist()}


def test_colors_are_those_of_voc():
    colors = label_colors()
    assert colors[[0, 1, 2, 4, 15, 20, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [0, 0, 128],
        [192, 128, 128],
        [0, 64, 128],
        [224, 224, 192],
    ]
    assert len({tuple(c) for c in colors.tolist()}) == 256


def test_panels_show_each_kind_in_its_colors(tmp_path):
    image = np.full((30, 40, 3), (10, 200, 90), np.uint8)
    label = np.zeros((30, 40), np.uint8)
    label[:10] = 1
    label[20:] = 255
    label[10:20, :20] = 7
    scalar = torch.zeros(30, 40)
    scalar[0, 0] = float('nan')
    path = tmp_path / 'new' / 'panels.png'
    columns = {
        'image': [image] * 2,
        'label': [label] * 2,
        'mask': [label == 1] * 2,
        'entropy': [scalar, scalar + 1],
    }
    write_panels(
        path,
        columns,
        palette=[[1, 2, 3], [250, 5, 6]],
        rows=['a', 'b'],
        classes=['background', 'cat'],
    )
    seen = colors_in(path)
    # image, palette, void, VOC's color beyond the palette, both ends of viridis
    assert {
        (10, 200, 90),
        (1, 2, 3),
        (250, 5, 6),
        (224, 224, 192),
        (128, 128, 128),
        (68, 1, 84),
        (253, 231, 36),
    } <= seen
    assert [p.name for p in path.parent.iterdir()] == ['panels.png']
    write_panels(path, {'entropy': [scalar + 1]}, limits={'entropy': (1, 2)})
    assert (68, 1, 84) in colors_in(path)
    assert (253, 231, 36) not in colors_in(path)


def test_more_labels_than_colors(tmp_path):
    files = [tmp_path / f'{label}.png' for label in (44, 300)]
    for label, file in zip((44, 300), files, strict=True):
        names = ['same'] * 301
        write_panels(file, {'map': [np.full((2, 3), label)]}, classes=names)
    first, second = (np.asarray(Image.open(file)) for file in files)
    np.testing.assert_array_equal(first, second)


def test_panels_say_what_is_wrong(tmp_path):
    label = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"'a': 1, 'b': 2"):
        write_panels(tmp_path / 'p.png', {'a': [label], 'b': [label] * 2})
    with pytest.raises(ValueError, match='need one array per row'):
        write_panels(tmp_path / 'p.png', {})
    with pytest.raises(ValueError, match=r"column 'a' .* shape \(4, 4, 2\)"):
        write_panels(tmp_path / 'p.png', {'a': [np.zeros((4, 4, 2))]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('method', ['tsne', 'pca'])
def test_scatter_is_the_same_every_time(tmp_path, method):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5)) + 8 * np.repeat(np.eye(3, 5), 20, axis=0)
    clusters = np.repeat(np.arange(3), 20)
    pictures = []
    for name in ('a', 'b'):
        path = tmp_path / f'{name}.png'
        write_cluster_scatter(
            path,
            features,
            clusters,
            truth=clusters - 1,
            metainfo=dict(classes=['cat', 'dog'], palette=[[9, 0, 0], [0, 0, 9]]),
            method=method,
            max_points=50,
        )
        pictures.append(np.asarray(Image.open(path)))
    assert np.array_equal(*pictures)
    write_cluster_scatter(tmp_path / 'c.png', features, clusters, method='pca')
    assert Image.open(tmp_path / 'c.png').width < pictures[0].shape[1]


def test_scatter_says_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="not 'umap'"):
        write_cluster_scatter(
            tmp_path / 'a.png', np.eye(4), np.arange(4), method='umap'
        )
    with pytest.raises(ValueError, match='2 images are too few'):
        write_cluster_scatter(tmp_path / 'a.png', np.eye(2), np.arange(2))


def test_histogram_marks_the_split(tmp_path):
    path = tmp_path / 'entropy.png'
    values = [0.1, 0.2, 0.2, 0.9, float('nan')]
    write_entropy_histogram(path, values, 0.2)
    blue, orange = (31, 119, 180), (255, 127, 14)
    split = colors_in(path)
    assert {blue, orange} <= split
    write_entropy_histogram(path, values, float('nan'))
    assert blue in colors_in(path) and orange not in colors_in(path)
    with pytest.raises(ValueError, match='no entropy to show'):
        write_entropy_histogram(path, [float('nan')], 0.2)


@pytest.mark.parametrize(
    ('image', 'expected'),
    [
        (np.uint8([[[1]], [[2]], [[3]]]), [3, 2, 1]),
        (np.uint8([[[7]]]), [7, 7, 7]),
        (np.uint8([[[7]], [[9]]]), [7, 7, 7]),
        (np.uint8([[[1]], [[2]], [[3]], [[4]]]), [3, 2, 1]),
        (np.uint16([[[0]], [[4095]], [[2048]]]), [127, 255, 0]),
        (np.float32([[[-1.0]], [[0.0]], [[1.0]]]), [255, 127, 0]),
    ],
)
def test_pictures_of_any_channels_and_range(image, expected):
    shown = picture(image)
    assert shown.dtype == np.uint8
    assert shown[0, 0].tolist() == expected
