import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    'check_weak_annotations', ROOT / 'tools' / 'check_weak_annotations.py'
)
check = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check)


@pytest.fixture
def config(boxes_root, tmp_path):
    def write(weak, wrap=False):
        dataset = dict(
            type='BaseSegDataset',
            data_root=str(boxes_root),
            metainfo=dict(classes=('background', 'square', 'bar', 'dot', 'frame')),
            ann_file='ImageSets/Segmentation/train.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                *weak,
                dict(type='PackSegInputs'),
            ],
        )
        if wrap:
            dataset = dict(type='RepeatDataset', times=3, dataset=dataset)
        path = tmp_path / 'config.py'
        path.write_text(f'train_dataloader = dict(dataset={dataset!r})')
        return str(path)

    return write


def names(root):
    return (root / 'ImageSets/Segmentation/train.txt').read_text().split()


@pytest.mark.parametrize('wrap', [False, True])
def test_counts(config, boxes_root, tmp_path, capsys, wrap):
    path = tmp_path / 'points.json'
    points = {n: [dict(cls=2, x=4, y=5)] for n in names(boxes_root)}
    points['train_000'].append(dict(cls=3, x=9, y=9))
    path.write_text(json.dumps(points))
    weak = [dict(type='LoadPointAnnotations', ann_file=str(path), source_classes=5)]
    assert check.main([config(weak, wrap)]) == 0
    out = capsys.readouterr().out
    assert '24 images, 0 with faults, 0 without a label' in out
    rows = [line.replace('│', ' ').split() for line in out.splitlines()]
    assert ['2', 'bar', '24', '24'] in rows and ['3', 'dot', '1', '1'] in rows
    assert ['254', '(unlabeled)', '24', str(24 * 32 * 32 - 25)] in rows


def test_faults(config, boxes_root, tmp_path, capsys):
    path = tmp_path / 'points.json'
    points = {n: [dict(cls=2, x=4, y=5)] for n in names(boxes_root)}
    points['train_003'] = [dict(cls=3, x=99, y=9)]
    del points['train_005']
    path.write_text(json.dumps(points))
    weak = [dict(type='LoadPointAnnotations', ann_file=str(path), invalid='skip')]
    assert check.main([config(weak)]) == 1
    out = capsys.readouterr().out
    assert '24 images, 2 with faults, 0 without a label' in out
    assert 'image train_003: point (x=99, y=9) of class 3 is outside' in out
    assert 'image train_005: no annotation' in out


def test_simulated_labels_and_wrong_configs(config, capsys):
    load = dict(type='LoadAnnotations')
    assert check.main([config([load, dict(type='SimulatePoints')])]) == 0
    assert 'square' in capsys.readouterr().out
    assert check.main([config([load])]) == 1
    assert 'neither loads nor simulates' in capsys.readouterr().err
