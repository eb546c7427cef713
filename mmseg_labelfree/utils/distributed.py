"""Several processes: gloo without GPUs, an orderly end, the model in a wrapper."""

import gc

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.model import BaseModel, is_model_wrapper
from torch import nn


def bare_model(model: nn.Module) -> BaseModel:
    """The model itself, without the wrapper that a distributed run puts around it."""
    return model.module if is_model_wrapper(model) else model


def prepare_cpu_processes(cfg: Config) -> None:
    """Let ``--launcher pytorch`` work on a machine without CUDA, over gloo.

    MMEngine selects a CUDA device while it initialises torch's process group, and
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
