"""What the command lines of tools share."""

from argparse import Namespace
from importlib import import_module

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmseg_labelfree.utils.checkpoint import resolve_checkpoint
from mmseg_labelfree.utils.command_line import (
    exit_code,
    expand_home,
    merge_options,
    parse_options,
    read_config,
    read_file,
)
from mmseg_labelfree.utils.distributed import check_launcher


def test_options_replace_settings_of_the_config(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("model = dict(a=1, b=2)\ndefault_scope = 'mmseg'\n")
    args = Namespace(config=str(path), cfg_options=['model.a=3'])
    cfg = read_config(args)
    assert cfg.model == dict(a=3, b=2)
    assert DefaultScope.get_current_instance().scope_name == 'mmseg'
    args.cfg_options = None
    assert read_config(args).model.a == 1


def test_exit_code_counts_findings_and_prints_errors_in_one_line(capsys, tmp_path):
    assert exit_code(lambda: 0) == 0
    assert exit_code(lambda: 12) == 1

    def fail():
        raise FileNotFoundError('no [folder] here')

    assert exit_code(fail) == 1
    assert capsys.readouterr().err == 'Error: no [folder] here\n'
    (tmp_path / 'file').touch()
    assert exit_code((tmp_path / 'file/below').mkdir) == 1
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'Error: [Errno 20] Not a directory' in error
    assert exit_code(lambda: import_module('of_an_extra')) == 1
    assert capsys.readouterr().err == "Error: No module named 'of_an_extra'\n"
    with pytest.raises(KeyError):  # not an error of the data
        exit_code(lambda: {}['x'])


def test_home_folders_of_data_are_found(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    part = dict(dataset=dict(data_root='~/voc', ann_file='~'))
    cfg = Config(dict(loader=dict(dataset=dict(datasets=[part, dict(data_root='x')]))))
    parts = expand_home(cfg).loader.dataset.datasets
    assert parts[0].dataset == dict(data_root='/home/me/voc', ann_file='~')
    assert parts[1].data_root == 'x'


def test_options_are_parsed_as_mmengine_does():
    texts = ['a.b=None', 'c=[1,2]', "d='x=y'", 'e=-1']
    assert parse_options(texts) == {'a.b': None, 'c': [1, 2], 'd': 'x=y', 'e': -1}
    assert parse_options(None) == {}


def test_spaces_inside_names_and_paths_are_kept():
    texts = [
        'a=/my data/a  b',
        "b=[ traffic light , 'my cat']",
        'c=( 1, 2 )',
        "d=' e f'",
    ]
    a, b, c, d = parse_options(texts).values()
    assert (a, b) == ('/my data/a  b', ['traffic light', 'my cat'])
    assert (c, d) == ((1, 2), 'e f')


@pytest.mark.parametrize(
    ('work', 'message'),
    [
        (
            lambda _: parse_options(['protocol.task']),
            'protocol.task: there is no value',
        ),
        (
            lambda d: read_file(f'{d}/conf.py'),
            r'does not exist; did you mean .*config',
        ),
        (lambda d: read_file(f'{d}/x/y.py'), r'x/y.py does not exist$'),
        (lambda d: read_file(f'{d}/open.py'), 'open.py cannot be read: SyntaxError'),
        (
            lambda d: read_file(f'{d}/base.py'),
            r'base.py: there is no .*none.py; correct _base_',
        ),
        (lambda d: read_file(f'{d}/lazy.py'), 'lazy.py cannot be read: .*no_module'),
        (
            lambda _: merge_options(Config(dict(a=[1])), {'a.9.b': 3}),
            'a.9.b=3: Index 9 .*; correct the key',
        ),
        (lambda d: read_file(str(d)), 'is a folder, not a config'),
        (lambda d: read_file(f'{d}/notes.txt'), 'one is a .py, .json or .yaml file'),
        (lambda _: check_launcher('pytorch'), 'needs RANK, WORLD_SIZE, .* by torchrun'),
        (lambda _: check_launcher('slurm'), 'needs SLURM_PROCID, .* tools/slurm_train'),
        (lambda _: check_launcher('mpi'), 'needs OMPI_COMM_WORLD_RANK, .* by mpirun'),
        (lambda d: resolve_checkpoint(f'{d}/iter_5.pth'), 'did you mean .*iter_50.pth'),
        (lambda d: resolve_checkpoint(f'{d}/run'), 'train it first'),
    ],
)
def test_a_wrong_command_says_what_to_do(work, message, tmp_path, monkeypatch):
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    for name in ('config.py', 'notes.txt', 'iter_50.pth'):
        (tmp_path / name).touch()
    (tmp_path / 'open.py').write_text('model = dict(\n')
    (tmp_path / 'base.py').write_text("_base_ = 'none.py'\n")
    (tmp_path / 'lazy.py').write_text('from no_module import x\na = dict(type=x)\n')
    with pytest.raises((ValueError, FileNotFoundError), match=message) as info:
        work(tmp_path)
    assert '\n' not in str(info.value)


def test_without_a_launcher_nothing_is_needed():
    check_launcher('none')


@pytest.mark.parametrize(
    ('gpus', 'place', 'enough'), [(2, 1, True), (2, 2, False), (0, 7, True)]
)
def test_a_process_without_a_gpu_is_told_so(gpus, place, enough, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '8')
    monkeypatch.setenv('LOCAL_RANK', str(place))
    if enough:
        return check_launcher('pytorch')
    with pytest.raises(ValueError, match='process 3 on this .* no GPU, of which .* 2:'):
        check_launcher('pytorch')
