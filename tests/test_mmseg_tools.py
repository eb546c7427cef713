"""MMSegmentation's own tools and API on configs of each family."""

import runpy
import sys
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import save_checkpoint
from mmengine.utils import digit_version
from mmseg.apis import MMSegInferencer
from mmseg.registry import MODELS
from PIL import Image

from mmseg_labelfree.engine.protocols import ProtocolRunner

FAMILIES = ['tiny', 'incremental', 'semi', 'novel', 'strict', 'iddc']
TOOLS = Path(mmseg.__file__).parent / '.mim/tools'


@pytest.fixture(params=FAMILIES)
def plain(request, tmp_path) -> Config:
    """Config of a training; of a protocol that of its first stage."""
    cfg = request.getfixturevalue(request.param)
    if 'protocol' in cfg:
        cfg = ProtocolRunner(cfg).stages[0].cfg
    path = tmp_path / 'plain.py'
    cfg.visualizer = dict(type='SegLocalVisualizer', name='visualizer')
    path.write_text(cfg.pretty_text)
    return Config.fromfile(path)


@pytest.mark.skipif(
    digit_version(mmseg.__version__) < (1, 3),
    reason="mmsegmentation 1.2.2's browse_dataset fails in OpenCV with any dataset",
)
def test_browse_dataset(plain, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'pictures'
    tool = TOOLS / 'analysis_tools/browse_dataset.py'
    arguments = [plain.filename, '--output-dir', str(out), '--not-show']
    monkeypatch.setattr(sys, 'argv', [str(tool), *arguments])
    runpy.run_path(str(tool), run_name='__main__')
    pictures = list(out.iterdir())
    assert len(pictures) > 3
    assert np.asarray(Image.open(pictures[0])).std() > 0


def test_inferencer(plain, boxes_root, tmp_path):
    model = MODELS.build(plain.model)
    meta = dict(dataset_meta=dict(classes=('a', 'b'), palette=[[0, 0, 0], [9, 9, 9]]))
    weights = tmp_path / 'weights.pth'
    save_checkpoint(dict(state_dict=model.state_dict(), meta=meta), str(weights))
    infer = MMSegInferencer(plain.filename, str(weights), device='cpu')
    image = next((boxes_root / 'JPEGImages').glob('val*'))
    found = infer(str(image), return_datasamples=True)
    assert found.pred_sem_seg.data.shape == (1, 32, 32)
    assert infer(np.asarray(Image.open(image)))['predictions'].shape == (32, 32)


def test_trace(plain):
    model = MODELS.build(plain.model).eval()
    images = torch.rand(1, 3, 32, 32)
    traced = torch.jit.trace(model, images)
    other = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(traced(other), model(other))
