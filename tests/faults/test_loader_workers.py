"""The death of a loader's worker ends the run, which goes on exactly."""

import multiprocessing
import os
import re
import shutil
import signal
import sys
import time

import pytest
from torch.utils.data import get_worker_info

from .conftest import At, assert_exact

pytestmark = pytest.mark.slow
MESSAGE = r'Error: a worker process of a data loader was killed, .* lower num_workers'


class KillWorker:
    """Audit hook that kills a worker at the n-th image that it opens."""

    def __init__(self, number):
        self.left = number

    def __call__(self, event, args):
        if event != 'open' or get_worker_info() is None or '.jpg' not in str(args[0]):
            return
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize('kind', ['incremental', 'semi'])
def test_killed_while_it_reads(kind, request, written, train, start, tmp_path):
    cfg = request.getfixturevalue(kind)
    cfg.train_dataloader.num_workers = 1
    path, work, whole = written(cfg), tmp_path / 'cut', tmp_path / 'whole'
    stage = ('--stage', 'step_0') if kind == 'incremental' else ()
    code, output = train(path, '--work-dir', whole, *stage)
    assert code == 0, output
    code, output = train(path, '--work-dir', work, *stage, at=KillWorker(20))
    assert code == 1
    assert re.match(MESSAGE, output.rstrip().splitlines()[-1]), output
    code, output = train(path, '--work-dir', work, *stage, '--resume')
    assert code == 0, output
    assert_exact(work, whole)


def test_killed_while_the_config_is_laid_out(semi, written, train, tmp_path, lay_out):
    """There MMEngine makes a SyntaxError, with the whole config, of whatever comes."""
    semi.train_dataloader.num_workers = 1
    path, work = written(semi), tmp_path / 'run'

    def killing(text, **_):
        if (work / 'iter_2.pth').exists():
            for worker in multiprocessing.active_children():
                worker.kill()
            time.sleep(60)  # ends with the signal
        return text, True

    lay_out(killing)
    code, output = train(path, '--work-dir', work)
    assert code == 1 and 'SyntaxError' not in output
    assert re.match(MESSAGE, output.rstrip().splitlines()[-1]), output
    assert (work / 'last_checkpoint').read_text().endswith('iter_2.pth')


def test_they_end_with_a_killed_run(semi, written, start, tmp_path):
    """They hold the end of a pipe, which is closed with the last of them."""
    semi.train_dataloader.num_workers = 2
    path, reading, writing = written(semi), *os.pipe()
    at = At(1, 'os.rename', '.iter_4.pth')
    arguments = 'train.py', path, '--work-dir', tmp_path / 'run'
    tool = start(*arguments, prepare=lambda: sys.addaudithook(at))
    os.close(writing)
    assert tool.end()[0] == -9
    with open(reading, 'rb') as stream:
        assert stream.read() == b''


@pytest.mark.parametrize('number', [3, 4])  # the check before training draws one, too
def test_they_name_a_damaged_image_in_one_line(
    number, tiny, boxes_root, written, train, tmp_path
):
    root = tmp_path / 'boxes'
    shutil.copytree(boxes_root, root)
    image = root / f'JPEGImages/train_{number:03d}.jpg'
    image.write_bytes(image.read_bytes()[:-600])
    tiny.train_dataloader.num_workers = 1  # 6 batches of 4 are all 24 images
    path = tmp_path / 'damaged.py'
    path.write_text(tiny.pretty_text.replace(str(boxes_root), str(root)))
    code, output = train(path, '--work-dir', tmp_path / 'run')
    assert code == 1
    line = output.rstrip().splitlines()[-1]
    assert re.match(rf'Error: (.*: )?{image} is damaged .*: replace it', line), line
    assert 'Traceback' not in output, output
