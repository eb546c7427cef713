import torch.distributed as dist
from mmengine.config import Config
from torch import nn

from mmseg_labelfree.utils.distributed import (
    bare_model,
    leave_process_group,
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
