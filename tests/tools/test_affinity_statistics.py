import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

TOOL = Path(__file__).parents[2] / 'tools/affinity_statistics.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('affinity_statistics', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_crossing_is_where_one_class_begins_to_be_denser(tool):
    shares = np.zeros((2, tool.BINS))
    shares[0, 40:70] = 1 / 30  # different classes: -0.2 to 0.4
    shares[1, 60:90] = np.linspace(0.01, 0.08, 30)
    denser = 60 + int(np.argmax(shares[1, 60:] > shares[0, 60:]))
    assert tool.crossing(shares) == pytest.approx(2 * denser / tool.BINS - 1)
    assert tool.crossing(np.zeros((2, tool.BINS))) == -1


def test_tool_prints_and_draws(tool, boxes_root, tmp_path, capsys):
    vit = dict(
        type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=16),
        img_size=16,
        patch_size=4,
        out_type='featmap',
    )
    data = dict(
        type='BaseSegDataset',
        metainfo=dict(classes=('background', 'square', 'bar', 'dot', 'frame')),
        data_root=str(boxes_root),
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='OverlappingCropPair', crop_size=16, max_shift=8),
            dict(type='PackSegInputs', meta_keys=('img_path', 'crop_overlap')),
        ],
    )
    cfg = Config(
        dict(
            model=dict(
                type='DiscriminativeClusteringSegmentor',
                data_preprocessor=dict(
                    type='SegDataPreProcessor',
                    mean=[100.0] * 3,
                    std=[60.0] * 3,
                    size_divisor=1,
                ),
                backbone=vit,
                decode_head=dict(type='ClusteringHead', in_channels=8, num_classes=6),
                pairwise_loss=dict(type='PairwiseAffinityLoss', centered=True),
                test_cfg=dict(mode='whole'),
            ),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='SeededInfiniteSampler', shuffle=True),
                dataset=data,
            ),
        )
    )
    path = tmp_path / 'tiny.py'
    path.write_text(cfg.pretty_text)
    tool.main([str(path), '--images', '8', '--work-dir', str(tmp_path)])
    printed = capsys.readouterr().out
    assert 'the distributions cross at an affinity of' in printed
    assert printed.count('(of all pairs ') == 2
    assert (tmp_path / 'affinities.png').stat().st_size > 1000


def test_histograms_and_precision_of_pairs(tool, capsys):
    affinity = torch.tensor([-0.99, 0.0, 0.005, 0.99])
    shares = tool.histograms(affinity, torch.tensor([False, False, True, True]))
    assert shares[0, 0] == shares[0, 50] == shares[1, 50] == shares[1, 99] == 0.5
    right = torch.tensor([True, True, False, True])
    tool.print_precision('pairs', right, affinity > -0.5)
    assert capsys.readouterr().out == 'pairs: 66.7% (of all pairs 75.0%)\n'
    tool.print_precision('pairs', right, affinity > 1)
    assert 'none is taken' in capsys.readouterr().out
