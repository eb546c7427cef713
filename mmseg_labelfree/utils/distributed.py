"""Distributed runs: gloo without GPUs, shared work and errors, an orderly end."""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_dist_info,
    init_dist,
    is_distributed,
    is_main_process,
)
from mmengine.model import BaseModel, BaseTTAModel, is_model_wrapper
from mmengine.utils.dl_utils import set_multi_processing
from torch import nn

T = TypeVar('T')

# What each launcher sets, the rank first, and how to start by it.
_LAUNCHERS = dict(
    pytorch=(
        ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
        'start by torchrun or tools/dist_train.sh CONFIG NUMBER_OF_GPUS',
    ),
    slurm=(
        ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
        'start by srun or tools/slurm_train.sh',
    ),
    mpi=(
        ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'MASTER_ADDR'),
        'start by mpirun, with -x MASTER_ADDR=HOST',
    ),
)


def bare_model(model: nn.Module) -> BaseModel:
    """Return the model without what is around it in a run.

    That is the wrapper of a distributed run, and a model of test-time augmentation.
    """
    inner: Any = model
    while is_model_wrapper(inner) or isinstance(inner, BaseTTAModel):
        inner = inner.module
    return inner


def launched_rank(launcher: str) -> int:
    """Rank of this process by its launcher, before the processes are connected.

    Args:
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
    """
    (name, *_), _ = _LAUNCHERS.get(launcher, (('',), ''))
    return int(os.environ.get(name, 0))


def check_launcher(launcher: str) -> None:
    """Raise if the processes of a launcher cannot be told apart, or lack GPUs.

    Args:
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.

    Raises:
        ValueError: Names the variables that the launcher has not set, and the command
            that sets them; or there are fewer GPUs than processes on this machine.
    """
    needed, advice = _LAUNCHERS.get(launcher, ((), ''))
    missing = [name for name in needed if name not in os.environ]
    if missing:
        raise ValueError(
            f'--launcher {launcher} needs {", ".join(missing)} in the environment: '
            f'{advice}, or leave --launcher out'
        )
    # Slurm's processes share the GPUs if there are too few.
    names = dict(pytorch='LOCAL_RANK', mpi='OMPI_COMM_WORLD_LOCAL_RANK')
    place = int(os.environ.get(names.get(launcher, ''), 0))
    gpus = torch.cuda.device_count()
    if 0 < gpus <= place:
        raise ValueError(
            f'process {place + 1} on this machine has no GPU, of which there are '
            f'{gpus}: start as many processes as GPUs, or train on the CPU with '
            'CUDA_VISIBLE_DEVICES= (set, and empty)'
        )


def own_share(number: int) -> range:
    """List which of ``number`` pieces of work are those of this process."""
    rank, world_size = get_dist_info()
    return range(rank, number, world_size)


@contextmanager
def fail_together() -> Iterator[None]:
    """Context at whose end the processes wait for each other and share their errors.

    An error in one of them ends all, where the others would wait for it until their
    time is out. Every process must enter the context; what is done in it must not wait
    for other processes.

    Raises:
        RuntimeError: Another process failed; quotes its error.
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    text = None if failure is None else f'{type(failure).__name__}: {failure}'
    texts = all_gather_object(text)
    if failure is not None:
        raise failure
    for rank, text in enumerate(texts):
        if text is not None:
            raise RuntimeError(f'process {rank} failed with {text}')


def in_first_process(work: Callable[[], T]) -> T:
    """Call ``work`` in the first process; its result is that of all.

    Args:
        work: Returns something that can be pickled; must not wait for other processes.
            An error ends all processes, see :func:`fail_together`.
    """
    result: list[Any] = [None]
    with fail_together():
        if is_main_process():
            result = [work()]
    broadcast_object_list(result)
    return result[0]


def prepare_cpu_processes(cfg: Config) -> None:
    """Let ``--launcher pytorch`` work on a machine without CUDA, over gloo.

    MMEngine selects a CUDA device while it initializes torch's process group, and
    passes device ids to DDP; both fail on CPUs. Does nothing for the launcher 'none' or
    where there is a GPU.

    Args:
        cfg: Gets ``model_wrapper_cfg`` if it has none.
    """
    if cfg.launcher != 'pytorch' or torch.cuda.is_available():
        return
    if not dist.is_initialized():
        dist.init_process_group('gloo')
    if 'model_wrapper_cfg' not in cfg:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )


def connect_processes(cfg: Config) -> None:
    """Connect the processes of a launcher, if no Runner has done that yet."""
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none' or is_distributed():
        return
    settings = cfg.get('env_cfg') or {}
    set_multi_processing(**settings.get('mp_cfg', {}), distributed=True)
    init_dist(launcher, **settings.get('dist_cfg', {}))


def leave_process_group() -> None:
    """End torch's process group, where there is one: the last act of a tool.

    The threads of gloo and NCCL live as long as the group. One that still hands back a
    tensor while the interpreter shuts down aborts the process after all its work is
    done ("terminate called without an active exception"), which the launcher takes for
    a failure. A wrapped model holds the group too, so the caller keeps none.

    torch 2.1 waits for gloo's threads without letting them have the interpreter, which
    they need to hand back a tensor; so they get a moment for that before.
    """
    if dist.is_initialized():
        gc.collect()
        if dist.get_backend() == 'gloo':
            time.sleep(0.5)
        dist.destroy_process_group()
