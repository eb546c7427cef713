import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

TOOL = Path(__file__).parents[2] / 'tools/compare_clusterings.py'
CLASSES = ('background', 'square', 'bar', 'dot', 'frame')
PALETTE = [[50 * i] * 3 for i in range(5)]


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('compare_clusterings', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(boxes_root, tmp_path):
    """The work dir of a training with an untrained model."""
    cfg = Config(
        dict(
            default_scope='mmseg',
            model=dict(
                type='DiscriminativeClusteringSegmentor',
                data_preprocessor=dict(
                    type='SegDataPreProcessor',
                    mean=[100.0] * 3,
                    std=[60.0] * 3,
                    test_cfg=dict(size_divisor=8),
                ),
                backbone=dict(
                    type='mmpretrain.VisionTransformer',
                    arch=dict(
                        embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=16
                    ),
                    img_size=16,
                    patch_size=4,
                    out_type='featmap',
                ),
                decode_head=dict(type='ClusteringHead', in_channels=8, num_classes=6),
                pairwise_loss=dict(type='PairwiseAffinityLoss'),
                test_cfg=dict(mode='whole'),
            ),
            test_dataloader=dict(
                batch_size=1,
                num_workers=2,
                persistent_workers=True,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    type='BaseSegDataset',
                    metainfo=dict(classes=CLASSES, palette=PALETTE),
                    data_root=str(boxes_root),
                    ann_file='ImageSets/Segmentation/val.txt',
                    data_prefix=dict(
                        img_path='JPEGImages', seg_map_path='SegmentationClass'
                    ),
                    pipeline=[
                        dict(type='LoadImageFromFile'),
                        dict(type='LoadAnnotations'),
                        dict(type='PackSegInputs'),
                    ],
                    test_mode=True,
                ),
            ),
        )
    )
    (tmp_path / 'run').mkdir()
    cfg.dump(tmp_path / 'run/tiny.py')
    torch.manual_seed(0)
    torch.save(MODELS.build(cfg.model).state_dict(), tmp_path / 'run/iter_1.pth')
    (tmp_path / 'run/last_checkpoint').write_text(str(tmp_path / 'run/iter_1.pth'))
    matching = dict(classes=['dot', None, 'bar', 'background', 'frame', 'square'])
    (tmp_path / 'run/matching.json').write_text(json.dumps(matching))
    return tmp_path / 'run'


def test_clusters_get_their_classes(tool, run):
    clusters = torch.tensor([[0, 1, 2], [3, 4, 5]])
    found = tool.matched(clusters, run, CLASSES)
    assert found.tolist() == [[3, 255, 2], [0, 4, 1]]


def test_pictures_of_two_runs(tool, run, tmp_path):
    found = tool.predictions(run, [1, 0])
    dataset = found['metainfo']
    assert dataset['classes'] == CLASSES
    for image, truth, prediction in zip(
        found['image'], found['truth'], found['prediction'], strict=True
    ):
        assert image.dtype == np.uint8 and image.shape == (*truth.shape, 3)
        assert prediction.shape == truth.shape
        assert set(np.unique(prediction)) <= {0, 1, 2, 3, 4, 255}
    record = dict(iter=2, shares=[0.5, 0.5, 0], empty=1)
    val = dict(record, truth=[0.8, 0.2], metrics={})
    (run / 'clusters.json').write_text(json.dumps(dict(train=[record], val=[val])))
    out = tmp_path / 'out'
    tool.main([f'a={run}', f'b={run}', '--images', '0', '--out', str(out)])
    for name in ('predictions.png', 'cluster_sizes.png'):
        assert (out / name).stat().st_size > 1000


def test_wrong_runs_are_named(tool, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match='has no config'):
        tool.main([f'a={tmp_path}'])
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path)])
    assert 'is not NAME=WORK_DIR' in capsys.readouterr().err
