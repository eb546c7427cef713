"""A full disk, played by a limit on the size of files: the message names the file."""

import gc
import re
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmseg_labelfree.datasets.demo_voc import write_demo_voc
from mmseg_labelfree.utils.checkpoint import check_checkpoint, latest_checkpoint
from mmseg_labelfree.utils.files import atomic_path, remove_leftovers

pytestmark = pytest.mark.slow


def limit(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize('kind', ['incremental', 'semi'])
def test_checkpoint(kind, request, written, train, start, tmp_path):
    path, work = written(request.getfixturevalue(kind)), tmp_path / 'run'
    arguments = path, '--work-dir', work, '--cfg-options', 'train_cfg.max_iters=2'
    code, output = start('train.py', *arguments, prepare=limit(60_000)).end()
    assert code == 1
    message = (
        r'could not save the checkpoint \(.+\); earlier checkpoints \(.+\) are whole'
    )
    assert re.search(rf'OSError: .*{message}.*: \'{work}/.*iter_2.pth\'', output), (
        output
    )
    assert not [*work.rglob('*.pth')] and not [*work.rglob('.*.tmp')]
    code, output = train(path, '--work-dir', work, '--resume')
    assert code == 0, output
    last = work / 'step_2' if kind == 'incremental' else work
    check_checkpoint(latest_checkpoint(last))


def test_start_of_a_run(incremental, written, start, tmp_path):
    path, work = written(incremental), tmp_path / 'run'
    large = 'tta_model.type=' + 10_000 * 'long'
    arguments = path, '--work-dir', work, '--cfg-options', large
    code, output = start('train.py', *arguments, prepare=limit(30_000)).end()
    assert code == 1
    line = output.rstrip().splitlines()[-1]
    file = work / 'config.py'
    message = 'Error: OSError: .*nothing is lost: free some space and use --resume: '
    assert re.match(f"{message}'{file}'", line)
    assert not file.exists() and not [*work.rglob('.*.tmp')]


@contextmanager
def limited(size):
    """Files of this process have at most this size, in bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_any_file(tmp_path):
    """What was there stays, and so do errors of other kinds."""
    path = tmp_path / 'a.npz'
    path.write_bytes(b'before')
    message = f'File too large, nothing is lost.*{path}'
    with limited(100), pytest.raises(OSError, match=message):
        with atomic_path(path) as temporary:
            temporary.write_bytes(bytes(200))
    assert path.read_bytes() == b'before' and [*tmp_path.iterdir()] == [path]
    with pytest.raises(FileNotFoundError, match='gone'), atomic_path(path):
        Path(tmp_path, 'gone').read_text()
    remove_leftovers(tmp_path)
    assert path.exists()


def test_demo_data(tmp_path, capsys):
    """Nothing is left, and the progress bar has ended before the message."""
    root = tmp_path / 'demo'
    message = f'File too large, nothing is lost: free some space.*{root}'
    with limited(1000), pytest.raises(OSError, match=message) as caught:
        write_demo_voc(root, 20, 20)
    assert not [*tmp_path.iterdir()]
    assert 'Drawing demo_voc' in capsys.readouterr().out
    del caught
    gc.collect()
    assert not capsys.readouterr().out
    write_demo_voc(root, 20, 20)
    assert len([*root.rglob('*.jpg')]) == 40
