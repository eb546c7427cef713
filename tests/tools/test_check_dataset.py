import importlib.util
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    'check_dataset', ROOT / 'tools' / 'check_dataset.py'
)
check_dataset = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_dataset)

CONFIG = """
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
inner = dict(
    type='CamVidDataset',
    data_root='ROOT',
    data_prefix=dict(img_path='images', seg_map_path='labels'),
    pipeline=pipeline,
    serialize_data=False,
)
train_dataloader = dict(dataset=inner)
val_dataloader = dict(
    dataset=dict(
        type='IncrementalDataset',
        task=[['sky']],
        step=0,
        dataset=dict(inner, test_mode=True),
    )
)
protocol = dict(task=[['sky', 'road'], ['car']], setup='disjoint')
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    for i, mask in enumerate([[[0, 3]], [[3, 8]], [[0, 1]], [[8, 8]], [[3, 3]]]):
        Image.fromarray(np.array(mask, np.uint8)).save(tmp_path / 'labels' / f'{i}.png')
        Image.new('RGB', (2, 1)).save(tmp_path / 'images' / f'{i}.jpg')
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.replace('ROOT', str(tmp_path)))
    return path


def rows(text):
    cells = [line.replace('│', '|').split('|') for line in text.splitlines()]
    return [[c.strip() for c in row[1:-1]] for row in cells if len(row) > 5]


def test_prints_images_and_classes_of_each_step(config, capsys):
    assert check_dataset.main([str(config), '--deep']) == 0
    out = capsys.readouterr().out
    assert rows(out)[-3:] == [
        ['0', '3', 'unknown', '4', 'sky, road'],
        ['1', '2', 'unknown', '5', 'car'],
        ['sum', '5', 'unknown', '', ''],
    ]
    assert '5 training images in all, 5 for validation.' in out
    assert '0 faulty' in out


def test_config_options_replace_settings(config, capsys):
    arguments = [str(config), '--cfg-options', 'protocol.setup=overlapped']
    assert check_dataset.main(arguments) == 0
    assert [row[1] for row in rows(capsys.readouterr().out)[-3:]] == ['4', '2', '6']


def test_deep_finds_broken_images_and_other_sizes(config, capsys, tmp_path):
    (tmp_path / 'images' / '0.jpg').write_bytes(b'')
    Image.new('RGB', (4, 1)).save(tmp_path / 'images' / '3.jpg')
    assert check_dataset.main([str(config)]) == 0
    assert check_dataset.main([str(config), '--deep']) == 1
    out = capsys.readouterr().out
    assert '0.jpg cannot be read' in out
    assert '3.jpg is 4x1 but its mask' in out


def test_known_numbers_are_compared():
    verdicts = check_dataset.compare([5, 7], (5, 8), None)
    assert verdicts == ['ok', 'expected 8', 'unknown']
    assert check_dataset.compare([5, 7], None, 12) == ['unknown', 'unknown', 'ok']


def test_difference_from_known_numbers_fails(config, capsys, monkeypatch):
    known = lambda *arguments: ((3, 4), 7)  # noqa: E731
    monkeypatch.setattr(check_dataset, 'expected_counts', known)
    assert check_dataset.main([str(config)]) == 1
    out = capsys.readouterr().out
    assert [row[2] for row in rows(out)[-3:]] == ['ok', 'expected 4', 'expected 7']
    assert 'trainaug' in out


def test_bad_configs_are_one_message(config, capsys):
    path = str(config)
    option = 'val_dataloader.dataset.dataset.test_mode=False'
    assert check_dataset.main([path, '--cfg-options', option]) == 1
    assert 'set test_mode=True' in capsys.readouterr().err
    option = 'train_dataloader.dataset.data_root=/nowhere'
    assert check_dataset.main([path, '--cfg-options', option]) == 1
    assert '/nowhere does not exist' in capsys.readouterr().err


def test_config_without_task():
    cfg = Config(dict(train_dataloader=dict(dataset=dict(type='CamVidDataset'))))
    with pytest.raises(ValueError, match='neither protocol nor train_dataloader'):
        check_dataset.step_config(cfg, 'train_dataloader')
