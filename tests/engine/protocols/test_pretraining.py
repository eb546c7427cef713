"""A backbone trained on the images themselves, and clusters on it."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from mmseg_labelfree.engine.optim.mixed_precision import (
    training_dtype,
    use_mixed_precision,
)
from mmseg_labelfree.engine.protocols import ProtocolRunner, build_protocol
from mmseg_labelfree.engine.protocols.pretraining import PretrainingProtocol

ROOT = Path(__file__).parents[3]
MOCO = ROOT / 'configs/iddc/mocov3_vitthin8_demo_voc.py'


def test_both_stages_see_the_same_images(pretraining, boxes_root):
    first, second = PretrainingProtocol(str(MOCO)).stages(pretraining)
    assert first.cfg.train_dataloader.dataset.type == 'mmseg.FolderDataset'
    assert first.cfg.train_dataloader.dataset.data_root == str(boxes_root)
    assert 'MultiView' in [
        step['type'] for step in first.cfg.train_dataloader.dataset.pipeline
    ]
    assert second.cfg.model.backbone.init_cfg == dict(
        type='Pretrained',
        checkpoint=f'{first.cfg.work_dir}/iter_600.pth',
        prefix='backbone.',
    )
    pretraining.update(launcher='pytorch', randomness=dict(seed=7))
    wrapper = dict(type='MMDistributedDataParallel', find_unused_parameters=False)
    pretraining.model_wrapper_cfg = wrapper
    first, second = PretrainingProtocol(str(MOCO)).stages(pretraining)
    for key in ('launcher', 'randomness'):
        assert first.cfg[key] == second.cfg[key] == pretraining[key]
    assert second.cfg.model_wrapper_cfg == wrapper
    assert first.cfg.model_wrapper_cfg == dict(wrapper, find_unused_parameters=True)
    settings = dict(train_cfg=dict(_delete_=True, by_epoch=True, max_epochs=1))
    with pytest.raises(ValueError, match='must train by iterations'):
        PretrainingProtocol(str(MOCO), settings).stages(pretraining)


def test_mixed_precision_of_both_stages(pretraining):
    full = dict(optim_wrapper=dict(type='OptimWrapper'))
    protocol = dict(type='PretrainingProtocol', pretraining=str(MOCO), settings=full)
    pretraining.update(protocol=protocol, **full)
    plain = build_protocol(pretraining).stages(pretraining)
    use_mixed_precision(pretraining)
    mixed = build_protocol(pretraining).stages(pretraining)
    assert [training_dtype(stage.cfg) for stage in plain] == [torch.float32] * 2
    dtype = torch.float16 if torch.cuda.is_available() else torch.bfloat16
    assert [training_dtype(stage.cfg) for stage in mixed] == [dtype] * 2
    wrapper = dict(mixed[0].cfg.optim_wrapper, optimizer=dict(type='SGD', lr=0.1))
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        build_optim_wrapper(torch.nn.Linear(2, 2), wrapper)


@pytest.mark.slow
def test_clusters_of_images_without_any_mask(pretraining, tmp_path):
    finished = ProtocolRunner(pretraining).run()
    assert list(finished) == ['pretraining', 'training']
    run = tmp_path / 'run'
    picture = (run / 'training/clusters_of_images.png').read_bytes()
    assert picture.startswith(b'\x89PNG')
    assert json.loads((run / 'training/finished.json').read_text())['iterations'] == 2
    weights = [
        torch.load(run / stage / 'iter_2.pth', weights_only=False)['state_dict']
        for stage in ('pretraining', 'training')
    ]
    name = 'backbone.layers.0.attn.qkv.weight'
    torch.testing.assert_close(weights[1][name], weights[0][name], rtol=0, atol=0)


@pytest.mark.slow
def test_two_processes(pretraining, tmp_path, train_in_two_processes):
    pretraining.dump(tmp_path / 'config.py')
    train_in_two_processes(tmp_path / 'config.py', tmp_path / 'two')
    for stage in ('pretraining', 'training'):
        finished = json.loads((tmp_path / 'two' / stage / 'finished.json').read_text())
        assert finished['iterations'] == 2 and finished['made_by']['processes'] == 2
