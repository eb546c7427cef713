"""Mixed precision of any config, as ``--amp`` asks for it."""

import torch
from mmengine.config import Config

__all__ = ['use_mixed_precision']


def use_mixed_precision(cfg: Config) -> None:
    """Switch ``optim_wrapper`` to mixed precision, on the device that there is.

    Args:
        cfg: A config, which is changed. One with a protocol and without optimizer is
            given ``mixed_precision=True``, for the configs that its rows are of.

    Raises:
        ValueError: It has no optimizer, or a wrapper of another kind.
    """
    if cfg.get('optim_wrapper') is None:
        if 'protocol' not in cfg:
            raise ValueError('--amp needs an optim_wrapper, and the config has none')
        cfg.mixed_precision = True
        return
    kind = cfg.optim_wrapper.type
    if kind in ('AmpOptimWrapper', 'BFloat16OptimWrapper'):
        return
    if kind != 'OptimWrapper':
        raise ValueError(f'--amp needs optim_wrapper.type OptimWrapper, not {kind}')
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    else:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
