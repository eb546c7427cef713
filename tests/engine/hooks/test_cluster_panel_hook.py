"""Pictures of clusters; test_pretraining.py writes some."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData
from PIL import Image

from mmseg_labelfree.datasets import FolderDataset
from mmseg_labelfree.engine.hooks import ClusterPanelHook


def test_needs_a_pipeline(iddc):
    iddc.custom_hooks = [dict(type='ClusterPanelHook')]
    iddc.pop('test_pipeline', None)
    with pytest.raises(ValueError, match='ClusterPanelHook needs test_pipeline'):
        Runner.from_cfg(iddc).train()


class Halves:
    """Model of two clusters, left and right."""

    num_classes = 2

    def eval(self):
        pass

    def test_step(self, batch):
        samples = batch['data_samples']
        for sample in samples:
            labels = torch.zeros(1, *sample.ori_shape, dtype=torch.int64)
            labels[..., 4:] = 1
            sample.pred_sem_seg = PixelData(data=labels)
        return samples


@pytest.mark.parametrize('color_type', ['color', 'grayscale'])
def test_images_of_any_channels(tmp_path, color_type):
    Image.fromarray(np.full((6, 8, 3), 99, np.uint8)).save(tmp_path / '0.png')
    dataset = FolderDataset(
        data_root=str(tmp_path), data_prefix=dict(img_path=''), pipeline=[]
    )
    load = dict(type='LoadImageFromFile', color_type=color_type)
    runner = SimpleNamespace(
        model=Halves(),
        cfg=Config(dict(test_pipeline=[load, dict(type='PackSegInputs')])),
        train_dataloader=SimpleNamespace(dataset=dataset),
        work_dir=tmp_path,
    )
    ClusterPanelHook().after_train(runner)
    with Image.open(tmp_path / 'clusters_of_images.png') as sheet:
        assert (99, 99, 99) in {
            color for _, color in sheet.convert('RGB').getcolors(10**6)
        }
