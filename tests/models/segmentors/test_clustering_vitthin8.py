"""Clusters on a backbone of self-supervised training: two configs, no label needed."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

ROOT = Path(__file__).parents[3]
FEW = dict(num_train=20, num_val=20)


def train(cfg, work_dir):
    """Three iterations of the config; the model's state and the checkpoint's."""
    cfg.work_dir = str(work_dir)
    cfg.train_cfg.max_iters = 3
    cfg.default_hooks.checkpoint.interval = 3
    cfg.experiment_name = work_dir.name
    init_default_scope(cfg.default_scope)
    model = Runner.from_cfg(cfg).train()
    saved = torch.load(work_dir / 'iter_3.pth', weights_only=False)
    return model.state_dict(), saved['state_dict']


@pytest.mark.slow
def test_mocov3_then_clusters_on_its_backbone(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_DATA', str(tmp_path / 'data'))
    cfg = Config.fromfile(ROOT / 'configs/iddc/mocov3_vitthin8_demo_voc.py')
    cfg.merge_from_dict(
        dict(
            model=dict(backbone=dict(img_size=32)),
            train_dataloader=dict(batch_size=4, dataset=FEW),
        )
    )
    cfg.train_dataloader.dataset.pipeline[1].transforms[0][0].scale = 32
    own, saved = train(cfg, tmp_path / 'views')
    backbone = {k: v for k, v in saved.items() if k.startswith('backbone.')}
    assert len(backbone) == 78
    momentum = 'momentum_encoder.module.0.layers.5.attn.qkv.weight'
    assert not torch.equal(saved[momentum], own['backbone.layers.5.attn.qkv.weight'])

    cfg = Config.fromfile(ROOT / 'configs/iddc/vitthin8_demo_voc.py')
    cfg.merge_from_dict(
        dict(
            model=dict(
                backbone=dict(
                    img_size=32,
                    init_cfg=dict(checkpoint=str(tmp_path / 'views/iter_3.pth')),
                )
            ),
            train_dataloader=dict(batch_size=4, dataset=dict(dataset=FEW)),
            val_dataloader=dict(dataset=FEW),
            test_dataloader=dict(dataset=FEW),
        )
    )
    cfg.train_dataloader.dataset.dataset.pipeline[3].update(crop_size=64, max_shift=32)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline[1].scale = 64
    own, _ = train(cfg, tmp_path / 'clusters')
    for name, value in backbone.items():
        assert torch.equal(own[name], value), name
