"""Mixed precision of any config."""

import torch
from mmengine.config import Config

__all__ = ['training_dtype', 'use_mixed_precision']


def use_mixed_precision(cfg: Config) -> None:
    """Switch ``optim_wrapper`` to mixed precision, on the device that there is.

    Args:
        cfg: A config, which is changed. One with a protocol is given
            ``mixed_precision=True`` as well, for stages that have another config file.

    Raises:
        ValueError: It has neither an optimizer nor a protocol, or a wrapper of another
            kind.
    """
    if 'protocol' in cfg:
        cfg.mixed_precision = True
    if cfg.get('optim_wrapper') is None:
        if 'protocol' not in cfg:
            raise ValueError('--amp needs an optim_wrapper, and the config has none')
        return
    if training_dtype(cfg) != torch.float32:
        return
    kind = _wrapper_kind(cfg)
    if kind != 'OptimWrapper':
        raise ValueError(f'--amp needs optim_wrapper.type OptimWrapper, not {kind}')
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    else:
        cfg.optim_wrapper.type = 'mmseg.BFloat16OptimWrapper'


def training_dtype(cfg: Config) -> torch.dtype:
    """Type of numbers that autocast uses in the training of a config.

    Args:
        cfg: Config with an ``optim_wrapper``.

    Returns:
        ``torch.float32`` without mixed precision.

    Example:
        >>> training_dtype(Config(dict(optim_wrapper=dict(type='AmpOptimWrapper'))))
        torch.float16
    """
    kind = _wrapper_kind(cfg)
    if kind == 'BFloat16OptimWrapper':
        return torch.bfloat16
    if kind != 'AmpOptimWrapper':
        return torch.float32
    dtype = cfg.optim_wrapper.get('dtype') or torch.float16
    return getattr(torch, dtype) if isinstance(dtype, str) else dtype


def _wrapper_kind(cfg: Config) -> str:
    """Type of the optimizer's wrapper, without the scope of a registry."""
    return cfg.optim_wrapper.get('type', 'OptimWrapper').rpartition('.')[2]
