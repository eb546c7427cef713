import importlib.util
from pathlib import Path

import pytest

from mmseg_labelfree.datasets.splits import published_counts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location(
        'check_fold', ROOT / 'tools/check_fold.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def config(novel, tmp_path):
    path = tmp_path / 'novel.py'
    path.write_text(novel.pretty_text)
    return str(path)


def test_numbers_of_a_fold(tool, config, capsys):
    assert tool.main([config]) == 0
    output = capsys.readouterr().out
    assert 'novel: frame' in output and '24 training images in all' in output
    assert output.count('unknown') == 4


def test_known_numbers(tool, config, monkeypatch, capsys):
    """The fold is taken for one of the paper, of as many images."""
    options = ['--cfg-options', 'protocol.fold.base=[square]']
    monkeypatch.setattr(
        tool,
        'expected_fold_counts',
        lambda fold, total: dict(novel=14, base=1) if total == 24 else {},
    )
    assert tool.main([config, *options]) == 1
    output = capsys.readouterr().out
    assert 'expected 1' in output and 'expected 14' not in output
    assert output.count('unknown') == 2 and 'list of images (VOC' in output
    assert published_counts.FOLD_COUNTS['pascal-5i_fold0']['novel'] == 2836


def test_what_is_wrong(tool, config, tmp_path, capsys):
    options = ['--cfg-options', 'protocol.fold.novel=[circle]']
    assert tool.main([config, *options]) == 1
    assert "class 'circle' of task" in capsys.readouterr().err
    other = tmp_path / 'other.py'
    other.write_text('model = dict()')
    assert tool.main([str(other)]) == 1
    assert 'has no protocol.fold' in capsys.readouterr().err
