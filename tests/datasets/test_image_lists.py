"""Lists of images in the formats of several authors."""

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

NAMES = ['ulm/ulm_1', 'ulm/ulm_2', 'bonn/my image']
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def root(tmp_path):
    """Images with a suffix, masks in two folders: values tell image and folder."""
    for i, name in enumerate(NAMES):
        for folder, suffix, value in (
            ('images', '_rgb.png', 0),
            ('masks', '_ids.png', i),
            ('refined', '.png', 10 + i),
        ):
            path = tmp_path / folder / f'{name}{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)
    return tmp_path


def source(root, text, labeled=True):
    (root / 'list.txt').write_bytes(text if isinstance(text, bytes) else text.encode())
    inner = dict(
        type='BaseSegDataset',
        data_root=str(root),
        ann_file='list.txt',
        img_suffix='_rgb.png',
        seg_map_suffix='_ids.png',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=[f'c{i}' for i in range(20)]),
        pipeline=PIPELINE,
    )
    kind = 'labeled' if labeled else 'unlabeled'
    return DATASETS.build(
        dict(type='SourceDataset', source=kind, labeled=labeled, dataset=inner)
    )


def labels(dataset):
    return [
        int(dataset[i]['data_samples'].gt_sem_seg.data[0, 0, 0])
        for i in range(len(dataset))
    ]


FORMATS = {
    'names': '{name}\n',
    'suffix of the dataset': '{name}_rgb.png\n',
    'from the data root': 'images/{name}_rgb.png\n',
    'with a slash before it': '/images/{name}_rgb.png\n',
    'blank lines': '\n  \n{name}\n\n',
    'Windows': '{name}\r\n',
    'blanks around': '  {name} \t\n',
}


@pytest.mark.parametrize('line', FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize('mark', [b'', b'\xef\xbb\xbf'], ids=['', 'byte-order mark'])
def test_formats(root, line, mark):
    text = ''.join(line.format(name=name) for name in NAMES).encode()
    dataset = source(root, mark + text)
    assert labels(dataset) == [0, 1, 2]
    paths = [dataset.get_data_info(i)['img_path'] for i in range(3)]
    assert [p.rpartition('images/')[2] for p in paths] == [
        f'{n}_rgb.png' for n in NAMES
    ]


def test_masks_that_a_list_names_are_used(root):
    lines = [f'images/{n}_rgb.png refined/{n}.png\n' for n in NAMES[:2]]
    assert labels(source(root, ''.join(lines))) == [10, 11]
    lines = [f'/images/{n}_rgb.png\t/masks/{n}_ids.png\n' for n in NAMES[:2]]
    assert labels(source(root, ''.join(lines))) == [0, 1]
    assert labels(source(root, 'ulm/ulm_1 0.93\n')) == [0]  # a score, no mask


@pytest.mark.parametrize('labeled', [True, False])
def test_an_image_that_does_not_exist_is_named_with_its_line(root, labeled):
    message = r"list.txt, line 3: 'ulm/ulm_9' names no image; there is no .*ulm_9_rgb"
    with pytest.raises(FileNotFoundError, match=message):
        source(root, f'{NAMES[0]}\n\nulm/ulm_9\n', labeled)
    (root / 'images/ulm/ulm_1_rgb.png').unlink()
    with pytest.raises(FileNotFoundError, match="line 1: 'ulm/ulm_1' names no image"):
        source(root, f'{NAMES[0]}\n', labeled)


def test_a_list_in_another_encoding_is_damaged(root):
    with pytest.raises(ValueError, match='list.txt is damaged'):
        source(root, 'Größe\n'.encode('latin-1'))


def test_empty_list(root):
    with pytest.raises(ValueError, match="source 'labeled' has no image"):
        source(root, '\ufeff\n \r\n')
