"""Several processes: gloo without GPUs, shared work and errors, an orderly end."""

import gc
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
    is_main_process,
)
from mmengine.model import BaseModel, is_model_wrapper
from torch import nn

T = TypeVar('T')


def bare_model(model: nn.Module) -> BaseModel:
    """The model itself, without the wrapper that a distributed run puts around it."""
    return model.module if is_model_wrapper(model) else model


def own_share(number: int) -> range:
    """Which of ``number`` pieces of work are those of this process."""
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


def leave_process_group() -> None:
    """End torch's process group, where there is one: the last act of a tool.

    The threads of gloo and NCCL live as long as the group. One that still hands back a
    tensor while the interpreter shuts down aborts the process after all its work is
    done ("terminate called without an active exception"), which the launcher takes for
    a failure. A wrapped model holds the group too, so the caller keeps none.
    """
    if dist.is_initialized():
        gc.collect()
        dist.destroy_process_group()
