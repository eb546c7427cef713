"""Every setting trains, validates and is scored on a GPU, by the tools."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU'),
]
ROOT = Path(__file__).parents[2]


def test_each_kind_of_labels_in_mixed_precision(tmp_path):
    environment = dict(os.environ, LABELFREE_DATA=str(tmp_path / 'data'))
    command = [sys.executable, 'tools/train.py', 'configs/label_cost/demo_voc.py']
    command += ['--amp', '--work-dir', str(tmp_path / 'run')]
    command += ['--cfg-options', 'protocol.iterations=60']
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    page = json.loads((tmp_path / 'run/label_cost.json').read_text())
    scores = {row['name']: row['score'] for row in page['rows']}
    assert len(scores) == 11
    assert all(len(score) == 1 and 0 <= score[0] <= 100 for score in scores.values())
