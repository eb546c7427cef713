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
