import copy
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.engine.jobs import run_job
from mmseg_labelfree.engine.protocols import ProtocolRunner


@pytest.fixture
def labeling(strict, tmp_path):
    """The stage that writes the labels, by random weights that see the unseen class."""
    strict.protocol.update(mode='offline', rounds=1)
    strict.model.generator = dict(views=dict(scales=[1.0, [0.5, 1.0]], mirror=True))
    cfg = ProtocolRunner(strict).stage('labels_1').cfg
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.embed.weight)
    cfg.job.checkpoint = str(tmp_path / 'random.pth')
    torch.save(dict(meta={}, state_dict=model.state_dict()), cfg.job.checkpoint)
    return cfg


@pytest.mark.slow
@pytest.mark.parametrize('images', [7, 2])
def test_any_number_of_processes(labeling, images, in_processes):
    labeling.train_dataloader.dataset.dataset.indices = images
    shares, labels = set(), []
    for processes in (1, 2, 3):
        cfg = copy.deepcopy(labeling)
        cfg.work_dir += f'_{processes}'
        shares |= {m['pseudo_share'] for m in in_processes(processes, run_job, cfg)}
        files = sorted(Path(cfg.work_dir, 'labels').glob('*.png'))
        labels.append({file.name: file.read_bytes() for file in files})
    assert len(shares) == 1 and 0 < shares.pop() < 100
    assert labels[0] == labels[1] == labels[2] and len(labels[0]) == images
