"""The Runner of the tools: its console, and batch norm without a GPU."""

from pathlib import Path

import pytest
import torch
from torch import nn

from mmseg_labelfree.engine.stage_runner import StageRunner


def synchronized(model: nn.Module) -> bool:
    return any(isinstance(m, nn.SyncBatchNorm) for m in model.modules())


def test_its_console_is_quiet_and_its_log_is_not(tiny, capsys):
    runner = StageRunner.from_cfg(tiny)
    runner.logger.info('a line of the log')
    assert 'INFO' not in capsys.readouterr().out
    (log,) = Path(tiny.work_dir).glob('*/*.log')
    text = log.read_text()
    assert 'a line of the log' in text and 'Hooks will be executed' in text


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_processes_without_a_gpu_have_plain_batch_norm(tiny, capsys, monkeypatch):
    tiny.model.backbone.norm_cfg = dict(type='SyncBN')
    runner = StageRunner.from_cfg(tiny)
    assert synchronized(runner.build_model(tiny.model))  # which MMEngine reverts
    assert 'SyncBN' not in capsys.readouterr().out
    monkeypatch.setattr(
        'mmseg_labelfree.engine.stage_runner.is_distributed', lambda: True
    )
    for _ in range(2):
        assert not synchronized(runner.build_model(tiny.model))
    assert capsys.readouterr().out.count('BN is used in place of SyncBN') == 1
