import pytest
import torch.distributed as dist
from mmengine.config import Config
from torch import nn

from mmseg_labelfree.utils.distributed import (
    bare_model,
    fail_together,
    in_first_process,
    leave_process_group,
    own_share,
    prepare_cpu_processes,
)


def test_bare_model_and_the_end_of_the_group():
    leave_process_group()  # there is none
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    model = nn.Linear(1, 1)
    assert bare_model(model) is model
    assert bare_model(nn.parallel.DistributedDataParallel(model)) is model
    leave_process_group()
    assert not dist.is_initialized()


def test_prepare_cpu_processes_leaves_single_process_alone():
    cfg = Config(dict(launcher='none'))
    prepare_cpu_processes(cfg)
    assert 'model_wrapper_cfg' not in cfg


def _share_work(failing):
    rank = dist.get_rank()
    done = list(own_share(5))
    with fail_together():
        if rank == failing:
            raise KeyError('no such image')
    return done, in_first_process(lambda: f'by process {rank}')


def _fail_first():
    in_first_process(lambda: 1 // (dist.get_rank() - 0))


def test_processes_share_work_results_and_errors(in_two_processes):
    assert in_two_processes(_share_work, None) == [
        ([0, 2, 4], 'by process 0'),
        ([1, 3], 'by process 0'),
    ]
    first, second = in_two_processes(_share_work, 1)
    assert isinstance(second, KeyError)
    text = "process 1 failed with KeyError: 'no such image'"
    assert isinstance(first, RuntimeError) and str(first) == text
    first, second = in_two_processes(_fail_first)
    assert isinstance(first, ZeroDivisionError)
    assert isinstance(second, RuntimeError)
    assert str(second).startswith('process 0 failed with ZeroDivisionError')


def test_one_process_does_all():
    assert list(own_share(3)) == [0, 1, 2]
    assert in_first_process(lambda: 4) == 4
    with pytest.raises(ValueError, match='mine'), fail_together():
        raise ValueError('mine')


def _large_result():
    return bytes(10**7)


def test_results_may_be_large(in_processes):
    """A pipe holds 64 KiB: who waits for a process before reading waits for ever."""
    assert in_processes(3, _large_result) == [bytes(10**7)] * 3
