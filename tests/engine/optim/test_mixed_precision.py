import pytest
import torch
from mmengine.config import Config

from mmseg_labelfree.engine.optim.mixed_precision import (
    training_dtype,
    use_mixed_precision,
)


@pytest.mark.parametrize(
    ('wrapper', 'dtype'),
    [
        (dict(type='OptimWrapper'), torch.float32),
        (dict(), torch.float32),
        (dict(type='AmpOptimWrapper'), torch.float16),
        (dict(type='mmengine.AmpOptimWrapper', dtype='bfloat16'), torch.bfloat16),
        (dict(type='mmseg.BFloat16OptimWrapper'), torch.bfloat16),
        (dict(type='BFloat16OptimWrapper'), torch.bfloat16),
    ],
)
def test_dtype_of_each_wrapper(wrapper, dtype):
    cfg = Config(dict(optim_wrapper=wrapper))
    assert training_dtype(cfg) == dtype
    use_mixed_precision(cfg)
    kept = dtype != torch.float32
    assert (cfg.optim_wrapper == wrapper) == kept
    assert training_dtype(cfg) != torch.float32
