"""A component in a stock MMSegmentation config, by one changed line."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS

import mmseg_labelfree  # noqa: F401


@pytest.mark.slow
def test_example_of_the_readme_trains(boxes_root, tmp_path):
    """A loss and an averaged teacher, each by a few lines in a stock config."""
    path = tmp_path / 'my_config.py'
    path.write_text(
        """
_base_ = 'mmseg::fcn/fcn_r18-d8_4xb2-80k_cityscapes-512x1024.py'
custom_imports = dict(imports=['mmseg_labelfree'], allow_failed_imports=False)
model = dict(
    type='MeanTeacherEncoderDecoder',
    unlabeled_sources=[],
    val_model='teacher',
    decode_head=dict(loss_decode=dict(type='SymmetricCrossEntropyLoss')),
)
custom_hooks = [dict(type='EMATeacherHook', momentum=0.99)]
"""
    )
    cfg = Config.fromfile(path)
    loss = cfg.model.decode_head.loss_decode
    assert loss.type == 'SymmetricCrossEntropyLoss' and loss.use_sigmoid is False

    # The stock config on tiny data: only data, size and length are replaced.
    crop = [dict(type='RandomCrop', crop_size=(24, 24)), dict(type='PackSegInputs')]
    classes = ('background', 'square', 'bar', 'dot', 'frame')
    cfg.train_dataloader = dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type='InfiniteSampler'),
        dataset=dict(
            type='BaseSegDataset',
            metainfo=dict(classes=classes),
            data_root=str(boxes_root),
            ann_file='ImageSets/Segmentation/train.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                *crop,
            ],
        ),
    )
    cfg.model.data_preprocessor.size = (24, 24)
    cfg.model.pretrained = None
    cfg.model.backbone.norm_cfg = cfg.model.decode_head.norm_cfg = dict(type='BN')
    cfg.model.auxiliary_head = None
    cfg.train_cfg.max_iters = 3
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.work_dir = str(tmp_path / 'work')
    runner = Runner.from_cfg(cfg)
    before = runner.model.decode_head.conv_seg.weight.detach().clone()
    runner.train()
    assert runner.iter == 3
    assert not torch.equal(before, runner.model.decode_head.conv_seg.weight)
    losses = runner.message_hub.get_scalar('train/decode.loss_sce').data[0]
    assert len(losses) == 3
    teacher = runner.model.teacher.decode_head.conv_seg.weight
    assert not torch.equal(teacher, runner.model.decode_head.conv_seg.weight)


def test_stock_segformer_with_the_parts_of_daformer(tmp_path):
    path = tmp_path / 'stock.py'
    path.write_text(
        """
_base_ = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
custom_imports = dict(imports=['mmseg_labelfree'], allow_failed_imports=False)
model = dict(
    type='MeanTeacherEncoderDecoder',
    backbone=dict(type='OriginalMixVisionTransformer'),
    decode_head=dict(type='DAFormerHead', norm_cfg=dict(type='BN')))
"""
    )
    cfg = Config.fromfile(path)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model).eval()
    assert model.decode_head.num_classes == 150
    with torch.no_grad():
        logits = model(torch.randn(1, 3, 64, 96), mode='tensor')
    assert logits.shape == (1, 150, 16, 24)
