"""Heads that a segmentor cannot work with."""

import pytest
from mmengine.model import BaseModule
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn


@pytest.fixture
def mask_head():
    """A head with the parts of MaskFormerHead, which needs MMDetection to be built."""

    class MaskHead(BaseModule):
        align_corners, num_classes, out_channels, ignore_index = False, 5, 5, 255

        def __init__(self) -> None:
            super().__init__()
            self.cls_embed = nn.Linear(8, 6)

    MODELS.register_module(module=MaskHead)
    yield 'MaskHead'
    MODELS.module_dict.pop('MaskHead')


@pytest.mark.parametrize('system', ['incremental', 'semi', 'novel', 'iddc'])
def test_mask_classification_is_refused(system, request, mask_head):
    model = request.getfixturevalue(system).model
    model.decode_head = dict(type=mask_head)
    init_default_scope('mmseg')
    with pytest.raises(ValueError, match='decode_head=MaskHead classifies masks'):
        MODELS.build(model)


def head(kind, **settings):
    return dict(
        type=kind,
        in_channels=32,
        channels=8,
        num_classes=5,
        norm_cfg=dict(type='GN', num_groups=2),
        **settings,
    )


@pytest.mark.parametrize('system', ['incremental', 'semi'])
def test_heads_with_several_maps_are_refused(system, request):
    """DANet's gives three, of which a part of the batch cannot be taken by a slice."""
    model = request.getfixturevalue(system).model
    model.decode_head = head('DAHead', pam_channels=4)
    with pytest.raises(ValueError, match='decode_head=DAHead gives several in train'):
        MODELS.build(model)


REGIONS = [dict(type='CrossEntropyLoss'), dict(type='DiceLoss')]


def test_losses_without_weights_are_refused_where_pixels_have_some(semi, plop):
    model = dict(semi.model, unlabeled_loss=dict(type='TverskyLoss'))
    MODELS.build(model)
    with pytest.raises(ValueError, match='confidence_weight weighs .* TverskyLoss can'):
        MODELS.build(dict(model, confidence_weight='batch'))
    lovasz = dict(type='LovaszLoss', reduction='none')  # it has the argument, unused
    model = dict(semi.model, type='UniMatchEncoderDecoder', unlabeled_loss=lovasz)
    with pytest.raises(ValueError, match='UniMatchEncoderDecoder weighs .* LovaszLoss'):
        MODELS.build(model)
    plop.model.decode_head.loss_decode = REGIONS
    with pytest.raises(ValueError, match='Background.* weighs pixels, which DiceLoss'):
        MODELS.build(plop.model)
    settings = dict(sampler=dict(type='OHEMPixelSampler'), num_convs=1)
    plop.model.decode_head = head('FCNHead', **settings)
    with pytest.raises(ValueError, match='or a pixel sampler, which take no weights'):
        MODELS.build(plop.model)
