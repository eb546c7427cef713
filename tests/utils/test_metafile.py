from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_labelfree.utils.metafile import (
    PublishedResult,
    get_option,
    published_result,
    read_metafile,
)

CONFIGS = Path(__file__).parents[2] / 'configs'
METAFILE = """
Collections:
- Name: Own
Models:
- Name: own
  Config: configs/own/own.py
  Results:
  - {Task: Segmentation, Dataset: VOC, Table: Table 1, Metrics: {mIoU: 1.0}}
  - {Dataset: VOC, Table: Table 1, Test: --crf, Metrics: {mIoU: 2.0}}
- Name: own (short)
  Config: configs/own/own.py
  Options: {train_cfg.max_iters: 10, model.losses.0.weight: 3, model.size: [8, 8]}
  Results:
    Task: Segmentation
    Dataset: VOC
    Metrics: {mIoU: 3.0}
- Name: own (long)
  Config: configs/own/own.py
  Options: {train_cfg.max_iters: 1000}
  Metadata: {Data: VOC}
- Name: without figures
  Config: configs/own/bare.py
- Name: weights alone
"""
CONFIG = """
train_cfg = dict(max_iters=100)
model = dict(losses=[dict(weight=1)], size=(4, 4))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'metafile.yaml').write_text(METAFILE)
    for name in ('own', 'bare', 'unknown'):
        (tmp_path / f'{name}.py').write_text(CONFIG)
    return tmp_path


def published(path, **options):
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options)
    return published_result(cfg)


def test_entries(folder):
    entries = read_metafile(folder / 'metafile.yaml')
    assert [e.name for e in entries] == [
        'own',
        'own (short)',
        'own (long)',
        'without figures',
    ]
    first, short, long, bare = entries
    assert first.options == {} and first.data == 'VOC'
    assert first.results[0] == PublishedResult({'mIoU': 1.0}, 'Table 1', 'VOC')
    assert first.results[1].test == '--crf'
    assert short.results == (PublishedResult({'mIoU': 3.0}, '', 'VOC'),)
    assert long.results == () and long.data == 'VOC'
    assert bare.results == () and bare.data == ''


def test_figures_of_the_entry_whose_options_hold(folder):
    path = folder / 'own.py'
    short = {
        'train_cfg.max_iters': 10,
        'model.losses.0.weight': 3,
        'model.size': (8, 8),
    }
    assert published(path).metrics == {'mIoU': 1.0}
    assert published(path, work_dir='here').metrics == {'mIoU': 1.0}
    assert published(path, **short).metrics == {'mIoU': 3.0}
    for key in short:  # neither the one entry nor the other
        assert published(path, **{key: short[key]}) is None
    assert published(path, **{'train_cfg.max_iters': 1000}) is None


def test_without_figures(folder):
    assert published(folder / 'bare.py') is None
    assert published(folder / 'unknown.py') is None
    assert published_result(Config(dict(model=dict()))) is None
    (folder / 'metafile.yaml').unlink()
    assert published(folder / 'own.py') is None


def test_options_are_looked_up_by_dotted_key():
    cfg = Config(dict(a=dict(b=[1, dict(c=(2, 3))]), d=4))
    assert get_option(cfg, 'a.b.1.c') == [2, 3]
    assert get_option(cfg, 'd') == 4
    for missing in ('e', 'a.e', 'a.b.2', 'a.b.c', 'd.e', 'd.e.f'):
        assert get_option(cfg, missing) is None


@pytest.mark.parametrize(
    ('name', 'options', 'text'),
    [
        ('15-1', {}, 'old 35.1, new 13.5, all 29.7 (Table 1)'),
        (
            '15-1',
            {'protocol.setup': 'disjoint'},
            'old 46.2, new 12.9, all 37.9 (Table 1)',
        ),
        (
            '15-1_lwf',
            {'protocol.task': 'voc_19-1', 'protocol.setup': 'disjoint'},
            'old 53.0, new 9.1, all 50.8 (Table 1)',
        ),
    ],
)
def test_figures_of_modeling_the_background(name, options, text):
    path = CONFIGS / 'mib' / f'deeplabv3_r101_voc_{name}.py'
    assert str(published(path, **options)) == text
