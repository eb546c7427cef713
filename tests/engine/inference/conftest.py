import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.utils.checkpoint import CONFIG


@pytest.fixture
def save_run():
    """Write a config and a checkpoint of its untrained model, as a run leaves them."""

    def save_run(cfg, folder, classes, palette):
        init_default_scope('mmseg')
        torch.manual_seed(0)
        folder.mkdir(parents=True, exist_ok=True)
        cfg.work_dir = str(folder)
        (folder / CONFIG).write_text(cfg.pretty_text)
        model = MODELS.build(cfg.model).eval()
        meta = dict(dataset_meta=dict(classes=classes, palette=palette))
        content = dict(state_dict=model.state_dict(), meta=meta)
        torch.save(content, folder / 'iter_6.pth')
        (folder / 'last_checkpoint').write_text('/elsewhere/iter_6.pth')
        return model

    return save_run


@pytest.fixture
def last_stage(request, tmp_path):
    """Config of the last stage of a system's tiny training."""

    def last_stage(system):
        cfg = request.getfixturevalue(system)
        if 'protocol' not in cfg:
            return cfg
        cfg.work_dir = str(tmp_path / 'protocol')
        return build_protocol(cfg).stages(cfg)[-1].cfg

    return last_stage
