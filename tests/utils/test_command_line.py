"""What the command lines of tools share."""

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmseg_labelfree.utils.command_line import (
    config_parser,
    exit_code,
    expand_home,
    read_config,
)


def test_options_replace_settings_of_the_config(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("model = dict(a=1, b=2)\ndefault_scope = 'mmseg'\n")
    parser = config_parser('What it does.\n\n    lines stay', 'some config')
    assert '    lines stay' in parser.format_help()
    args = parser.parse_args([str(path), '--cfg-options', 'model.a=3'])
    cfg = read_config(args)
    assert cfg.model == dict(a=3, b=2)
    assert DefaultScope.get_current_instance().scope_name == 'mmseg'
    assert read_config(parser.parse_args([str(path)])).model.a == 1


def test_exit_code_counts_findings_and_prints_errors_in_one_line(capsys):
    assert exit_code(lambda: 0) == 0
    assert exit_code(lambda: 12) == 1

    def fail():
        raise FileNotFoundError('no [folder] here')

    assert exit_code(fail) == 1
    assert capsys.readouterr().err == 'Error: no [folder] here\n'
    with pytest.raises(KeyError):  # not an error of the data
        exit_code(lambda: {}['x'])


def test_home_folders_of_data_are_found(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    part = dict(dataset=dict(data_root='~/voc', ann_file='~'))
    cfg = Config(dict(loader=dict(dataset=dict(datasets=[part, dict(data_root='x')]))))
    parts = expand_home(cfg).loader.dataset.datasets
    assert parts[0].dataset == dict(data_root='/home/me/voc', ann_file='~')
    assert parts[1].data_root == 'x'
