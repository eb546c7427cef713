import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from sklearn.cluster import MiniBatchKMeans

from mmseg_labelfree.engine.jobs import KMeansJob, run_job
from mmseg_labelfree.models.utils.embedding_samples import embedding_samples
from mmseg_labelfree.utils.checkpoint import load_weights
from mmseg_labelfree.utils.distributed import prepare_cpu_processes

VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=16),
    img_size=16,
    patch_size=4,
    out_type='featmap',
)
CLASSES = ('background', 'square', 'bar', 'dot', 'frame')


@pytest.fixture
def config(boxes_root, tmp_path):
    def dataset(split, pipeline, **kwargs):
        return dict(
            type='BaseSegDataset',
            metainfo=dict(classes=CLASSES),
            data_root=str(boxes_root),
            ann_file=f'ImageSets/Segmentation/{split}.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            serialize_data=False,
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                *pipeline,
            ],
            **kwargs,
        )

    keys = ('img_path', 'ori_shape', 'img_shape', 'crop_overlap')
    torch.manual_seed(0)
    path = tmp_path / 'vit.pth'
    torch.save(MODELS.build(VIT).state_dict(), path)
    return Config(
        dict(
            default_scope='mmseg',
            model=dict(
                type='DiscriminativeClusteringSegmentor',
                data_preprocessor=dict(
                    type='SegDataPreProcessor',
                    mean=[100.0] * 3,
                    std=[60.0] * 3,
                    size_divisor=1,
                ),
                backbone=dict(
                    VIT, init_cfg=dict(type='Pretrained', checkpoint=str(path))
                ),
                decode_head=dict(
                    type='ClusteringHead', in_channels=8, num_classes=6, kernel_sizes=()
                ),
                pairwise_loss=dict(type='PairwiseAffinityLoss'),
                test_cfg=dict(mode='whole'),
            ),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='SeededInfiniteSampler', shuffle=True),
                dataset=dict(
                    type='SourceDataset',
                    source='unlabeled',
                    dataset=dataset(
                        'train',
                        [
                            dict(type='OverlappingCropPair', crop_size=16, max_shift=8),
                            dict(type='PackSegInputs', meta_keys=keys),
                        ],
                    ),
                ),
            ),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=1),
            optim_wrapper=dict(optimizer=dict(type='Adam')),
            test_dataloader=dict(
                batch_size=1,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset('val', [dict(type='PackSegInputs')], test_mode=True),
            ),
            test_evaluator=dict(type='ClusteringIoUMetric', num_clusters=6),
            test_cfg=dict(type='TestLoop'),
            custom_hooks=[dict(type='ClusterMonitorHook')],
            randomness=dict(seed=3),
            job=dict(type='KMeansJob', num_images=12, per_image=10),
            work_dir=str(tmp_path / 'work'),
            experiment_name='kmeans',
        )
    )


def test_centroids_become_the_classifier(config, monkeypatch):
    fitted = {}
    original = MiniBatchKMeans.fit

    def fit(self, rows):
        fitted.update(rows=rows, model=original(self, rows))
        return fitted['model']

    monkeypatch.setattr(MiniBatchKMeans, 'fit', fit)
    metrics = run_job(config)
    assert metrics['mIoU'] > 0 and metrics['aAcc'] > 0
    state, _, path = load_weights(config.work_dir)  # as tools/test.py finds it
    assert path.endswith('kmeans.pth')
    centers = fitted['model'].cluster_centers_
    weight = state['decode_head.conv_seg.weight'][:, :, 0, 0].numpy()
    np.testing.assert_allclose(weight, centers, rtol=1e-6)
    # The logits choose the nearest centroid.
    rows = fitted['rows']
    assert rows.shape == (120, 8)
    logits = rows @ weight.T + state['decode_head.conv_seg.bias'].numpy()
    distance = ((rows[:, None] - centers[None]) ** 2).sum(2)
    assert (logits.argmax(1) == distance.argmin(1)).all()
    matching = json.loads((Path(config.work_dir) / 'matching.json').read_text())
    names = [name or f'cluster_{k}' for k, name in enumerate(matching['classes'])]
    assert len(names) == 6
    meta = load_weights(config.work_dir)[1]
    assert meta['dataset_meta']['classes'] == tuple(names)
    # Once written it is only scored.
    fitted.clear()
    config.experiment_name = 'again'
    assert run_job(config) == metrics and not fitted
    # Damaged, it is made again.
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])
    config.experiment_name = 'damaged'
    with pytest.warns(UserWarning, match=f'{path} is damaged .*made again'):
        assert run_job(config) == metrics and fitted
    config.job.seed = 1
    with pytest.raises(ValueError, match='seed was 0, is 1'):
        run_job(config)
    config.work_dir += '_1'
    run_job(config)
    assert not np.array_equal(fitted['rows'], rows)


@pytest.mark.slow
def test_job_and_training_in_two_processes(config, tmp_path, train_in_two_processes):
    config.train_dataloader.batch_size = 2
    config.optim_wrapper.optimizer.lr = 0.01
    path = tmp_path / 'kmeans.py'
    config.dump(path)
    train_in_two_processes(path, config.work_dir)
    weights = load_weights(config.work_dir)[0]
    assert weights['decode_head.conv_seg.weight'].abs().sum() > 0
    matching = json.loads((Path(config.work_dir) / 'matching.json').read_text())
    assert len(matching['classes']) == 6

    config.pop('job')
    config.model.balance_loss = dict(type='WeibullBalanceLoss')
    config.model.pairwise_loss.num_negatives = 1
    config.work_dir += '_training'
    config.train_cfg.update(max_iters=3, val_interval=3)
    config.custom_hooks = [dict(type='ClusterMonitorHook', interval=1)]
    for name in ('dataloader', 'evaluator', 'cfg'):
        config[f'val_{name}'] = config[f'test_{name}']
    config.val_cfg = dict(type='ValLoop')
    config.default_hooks = dict(
        checkpoint=dict(type='AtomicCheckpointHook', by_epoch=False, interval=3)
    )
    config.log_processor = dict(by_epoch=False)
    path = tmp_path / 'training.py'
    config.dump(path)
    train_in_two_processes(path, config.work_dir)
    history = json.loads((Path(config.work_dir) / 'clusters.json').read_text())
    assert [entry['iter'] for entry in history['train']] == [1, 2, 3]
    for entry in history['train']:
        assert sum(entry['shares']) == pytest.approx(1)
    assert history['val'][-1]['metrics']['mIoU'] > 0
    assert load_weights(config.work_dir)[2].endswith('iter_3.pth')


def _cluster(cfg):
    prepare_cpu_processes(cfg)
    return run_job(cfg)


@pytest.mark.slow
@pytest.mark.parametrize('images', [12, 2])
def test_any_number_of_processes(config, in_processes, images):
    """Uneven shares, fewer images than processes: the same pixels, in one order."""
    config.launcher = 'pytorch'
    config.job.num_images = images
    config.train_dataloader.dataset.dataset.indices = images
    config.test_dataloader.dataset.indices = min(images, 5)
    found = []
    for processes in (1, 2, 3):
        cfg = copy.deepcopy(config)
        cfg.work_dir += f'_{processes}'
        metrics = in_processes(processes, _cluster, cfg)
        assert metrics == [metrics[0]] * processes
        weights = load_weights(cfg.work_dir)[0]['decode_head.conv_seg.weight']
        found.append((metrics[0], weights))
    for metrics, weights in found[1:]:
        torch.testing.assert_close(weights, found[0][1], rtol=1e-4, atol=1e-5)
        assert metrics == pytest.approx(found[0][0], abs=0.05)


def test_embeddings_belong_to_their_labels(config):
    model = MODELS.build(config.model)
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 255, (3, 32, 16), generator=generator).byte()
    labels = torch.arange(16).view(4, 4).repeat_interleave(4, 0).repeat_interleave(4, 1)
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.cat([labels, labels])[None]))
    batch = dict(inputs=[image], data_samples=[sample])
    ((rows, found),) = embedding_samples(model, [batch], per_image=5, seed=1)
    features = model.backbone((image[None, :, :16].float() - 100) / 60)[0].flatten(2)
    assert len(set(found[0].tolist())) == 5
    for row, label in zip(rows[0], found[0], strict=True):
        torch.testing.assert_close(row, features[0, :, label])


def test_only_linear_heads_and_enough_pixels(config):
    config.job.num_images = config.job.per_image = 1
    with pytest.raises(ValueError, match='4 pixels are too few for 6 clusters'):
        run_job(config)
    config.model.decode_head.kernel_sizes = (3,)
    config.experiment_name = 'convolutions'
    with pytest.raises(ValueError, match='whose weights are the centroids'):
        KMeansJob().run(config)
