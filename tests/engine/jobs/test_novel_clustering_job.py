import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS, MODELS, TASK_UTILS
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.utils.cluster_names import name_clusters
from mmseg_labelfree.visualization.figures import label_colors

BIAS = [3.0, 0.0, -2.0]  # of the base model's classifier
NOVEL = 20  # pixels of a kept image at least


@pytest.fixture(scope='module')
def saliency_folder(boxes_root, tmp_path_factory):
    """Objects are salient, with noise; one image has nothing salient, one a speck."""
    folder = tmp_path_factory.mktemp('saliency')
    rng = np.random.default_rng(0)
    for index, path in enumerate(sorted(boxes_root.glob('SegmentationClass/train*'))):
        objects = np.asarray(Image.open(path)) > 0
        values = np.where(objects, 200, 40) + rng.integers(-30, 30, objects.shape)
        if index in (3, 5):
            values[:] = 0
        if index == 5:
            values[2, 2:5] = 255
        Image.fromarray(values.astype(np.uint8)).save(folder / path.name)
    return folder


@pytest.fixture
def cfg(incremental, boxes_root, saliency_folder, tmp_path):
    """A base model of three classes that is sure of many pixels, and the job."""
    cfg = copy.deepcopy(incremental)
    cfg.model.type = 'EncoderDecoder'
    cfg.model.pop('distillation')
    cfg.model.decode_head.pop('loss_decode')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    with torch.no_grad():
        model.decode_head.conv_seg.weight.mul_(20)
        model.decode_head.conv_seg.bias.copy_(torch.tensor(BIAS))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'base.pth')
    (tmp_path / 'base').mkdir()
    (tmp_path / 'base' / 'last_checkpoint').write_text(str(tmp_path / 'base.pth'))
    cfg.model.decode_head.num_classes = 9  # that of a later stage
    dataset = copy.deepcopy(cfg.val_dataloader.dataset.dataset)
    dataset.ann_file = 'ImageSets/Segmentation/train.txt'
    dataset.serialize_data = False
    cfg.job = dict(
        type='NovelClusteringJob',
        checkpoint=str(tmp_path / 'base'),
        dataset=dataset,
        saliency=dict(type='SaliencyFolder', folder=str(saliency_folder)),
        num_clusters=3,
        features=dict(size=(24, 40)),
        base_confidence=0.6,
        min_area=NOVEL,
        pca_dim=4,
        panels=2,
        scatter='pca',
        truth=dataset,
    )
    cfg.work_dir = str(tmp_path / 'work')
    return cfg


def run(cfg, work_dir=None, **changes):
    cfg = copy.deepcopy(cfg)
    cfg.work_dir = str(work_dir or cfg.work_dir)
    return TASK_UTILS.build(dict(cfg.job, **changes)).run(cfg)


def labels_of(folder):
    return {p.stem: np.asarray(Image.open(p)) for p in Path(folder).glob('labels/*')}


def slow_regions(cfg):
    """Base labels, novel map and normalized feature of every image, step by step."""
    model_cfg = copy.deepcopy(cfg.model)
    model_cfg.decode_head.num_classes = 3
    model = MODELS.build(model_cfg).eval()
    checkpoint = torch.load(Path(cfg.job.checkpoint).parent / 'base.pth')
    model.load_state_dict(checkpoint['state_dict'])
    dataset = DATASETS.build(cfg.job.dataset)
    regions = {}
    for i in range(len(dataset)):
        path = Path(dataset.get_data_info(i)['img_path'])
        with torch.no_grad():
            result = model.test_step(pseudo_collate([dataset[i]]))[0]
            probability = result.seg_logits.data.softmax(0).numpy()
            rgb = np.asarray(Image.open(path)).astype(np.float32)
            x = torch.tensor((rgb - 100) / 60).permute(2, 0, 1)[None]
            x = F.interpolate(x, (24, 40), mode='bilinear', antialias=True)
            features = model.backbone(x)[-1]
            features = F.interpolate(features, (24, 40), mode='bilinear')[0].numpy()
        base = np.where(probability.max(0) > 0.6, probability.argmax(0), 0)
        values = np.asarray(
            Image.open(Path(cfg.job.saliency.folder) / f'{path.stem}.png')
        )
        novel = (values / 255 > 0.5) & (base == 0)
        # Nearest: the pixel at floor(i * 32 / size).
        rows, columns = np.arange(24) * 32 // 24, np.arange(40) * 32 // 40
        vector = features[:, novel[rows][:, columns]].sum(1)
        regions[path.stem] = base, novel, vector / max(np.linalg.norm(vector), 1e-9)
    return regions


def test_labels_equal_the_steps_of_the_paper(cfg):
    metrics = run(cfg)
    regions = slow_regions(cfg)
    kept = [name for name, (_, novel, _) in regions.items() if novel.sum() >= NOVEL]
    assert 10 < len(kept) <= 22
    assert any((base > 0).any() for base, _, _ in regions.values())
    folder = Path(cfg.work_dir)
    assert (folder / 'images.txt').read_text().split() == kept
    vectors = np.stack([regions[name][2] for name in kept]).astype(np.float32)
    seed = 242133
    reduced = PCA(4, whiten=True, random_state=seed).fit_transform(vectors)
    clusters = KMeans(3, n_init=10, random_state=seed).fit_predict(reduced)
    labels = labels_of(folder)
    assert {*labels} == {*kept}
    for name, cluster in zip(kept, clusters, strict=True):
        base, novel, _ = regions[name]
        assert np.array_equal(labels[name], np.where(novel, 3 + cluster, base))
    file = Image.open(folder / f'labels/{kept[0]}.png')
    assert file.mode == 'P'
    palette = name_clusters(cfg.job.dataset.metainfo, 3, 3)['palette']
    assert file.getpalette()[:768] == label_colors(palette).ravel().tolist()
    left_out = dict(
        line.split(' ', 1)
        for line in (folder / 'left_out.txt').read_text().splitlines()
    )
    assert left_out['train_003'] == '0 nothing is salient'
    assert left_out['train_005'].endswith('is too small')
    assert {*left_out} | {*kept} == {*regions}

    truth = []
    for name in kept:
        mask = np.asarray(
            Image.open(
                Path(cfg.job.dataset.data_root) / f'SegmentationClass/{name}.png'
            )
        )
        truth.append(np.bincount(mask[regions[name][1]]).argmax())
    pure = sum(np.bincount(np.array(truth)[clusters == k]).max() for k in range(3))
    assert metrics['purity'] == pytest.approx(100 * pure / len(kept))
    assert (metrics['images'], metrics['images_used']) == (24, len(kept))
    summary = json.loads((folder / 'summary.json').read_text())
    assert {k: summary[k] for k in metrics} == pytest.approx(metrics)
    assert summary['cluster_sizes'] == np.bincount(clusters).tolist()
    assert sum(summary['decisions'].values()) == 24
    assert summary['first_label'] == 3
    assert (folder / 'clusters.png').is_file()
    assert len([*folder.glob('panels/*.png')]) == 2


@pytest.mark.slow
def test_goes_on_after_a_stop(cfg, tmp_path):
    maps = tmp_path / 'maps'
    shutil.copytree(cfg.job.saliency.folder, maps)
    colored = np.zeros((32, 32, 3), np.uint8)
    Image.fromarray(colored).save(maps / 'train_010.png')
    saliency = dict(type='SaliencyFolder', folder=str(maps))
    with pytest.raises(ValueError, match=r'train_010\.png has image mode RGB'):
        run(cfg, saliency=saliency)
    folder = Path(cfg.work_dir)
    first = {p: p.stat().st_mtime_ns for p in folder.glob('regions/*.npz')}
    assert len(first) == 10 and not (folder / 'labels').exists()
    right = Path(cfg.job.saliency.folder, 'train_010.png')
    (maps / 'train_010.png').write_bytes(right.read_bytes())
    run(cfg, saliency=saliency)
    assert all(p.stat().st_mtime_ns == t for p, t in first.items())
    # Of another map, and of another photo, regions are found again.
    inner = dict(cfg.job.dataset, data_root=str(tmp_path / 'photos'))
    shutil.copytree(cfg.job.dataset.data_root, tmp_path / 'photos')
    photo = tmp_path / 'photos/JPEGImages/train_001'
    (photo,) = photo.parent.glob('train_001.*')
    Image.fromarray(255 - np.asarray(Image.open(photo))).save(photo)
    Image.fromarray(np.full((32, 32), 255, np.uint8)).save(maps / 'train_000.png')
    run(cfg, saliency=saliency, dataset=inner)
    assert {p.stem for p, t in first.items() if p.stat().st_mtime_ns != t} == {
        'train_000',
        'train_001',
    }
    shutil.copy(Path(cfg.job.saliency.folder, 'train_000.png'), maps)
    run(cfg, saliency=saliency)
    first = {p: p.stat().st_mtime_ns for p in folder.glob('regions/*.npz')}
    whole = run(cfg, tmp_path / 'whole')
    ours, unbroken = labels_of(folder), labels_of(tmp_path / 'whole')
    assert {*ours} == {*unbroken}
    assert all(np.array_equal(ours[name], unbroken[name]) for name in ours)
    # Another number of clusters uses what is there; other thresholds must not.
    assert run(cfg, saliency=saliency, num_clusters=5)['clusters'] == 5
    assert all(p.stat().st_mtime_ns == t for p, t in first.items())
    with pytest.raises(
        ValueError, match=r'/regions holds .* \(min_area was 20, is 21\)'
    ):
        run(cfg, saliency=saliency, num_clusters=5, min_area=21)
    base = Path(cfg.job.checkpoint).parent / 'base.pth'
    model = torch.load(base)
    model['state_dict']['decode_head.conv_seg.bias'] += 1
    torch.save(model, base)  # trained again
    with pytest.raises(ValueError, match=r"\(checkpoint was 'base\.pth "):
        run(cfg, saliency=saliency)
    assert whole['clusters'] == 3


def test_images_without_a_map_are_left_out(cfg, tmp_path, saliency_folder):
    maps = tmp_path / 'maps'
    shutil.copytree(saliency_folder, maps)
    (maps / 'train_007.png').unlink()
    cfg.job.saliency.folder = str(maps)
    run(cfg)
    folder = Path(cfg.work_dir)
    assert 'train_007' not in (folder / 'images.txt').read_text().split()
    left_out = (folder / 'left_out.txt').read_text().splitlines()
    assert 'train_007 0 there is no saliency map' in left_out
    shutil.copy(saliency_folder / 'train_007.png', maps)
    run(cfg)
    assert 'train_007 0 there' not in (folder / 'left_out.txt').read_text()
    shutil.rmtree(maps)
    with pytest.raises(FileNotFoundError, match=f'no folder of saliency maps {maps}'):
        run(cfg)


@pytest.mark.parametrize(
    ('part', 'what'),
    [('decode_head.conv_seg.bias', 'logits'), ('backbone.stem.0.weight', 'logits')],
)
def test_names_the_image_of_values_that_are_not_finite(cfg, part, what):
    base = Path(cfg.job.checkpoint).parent / 'base.pth'
    model = torch.load(base)
    model['state_dict'][part][0] = torch.nan
    torch.save(model, base)
    with pytest.raises(FloatingPointError, match=f'image train_000: .*{what} are not'):
        run(cfg)
    assert not [*Path(cfg.work_dir).glob('regions/*.npz')]


def test_names_the_image_of_features_that_are_not_finite(cfg, tmp_path):
    net = MODELS.build(dict(cfg.model.backbone))
    weights = net.state_dict()
    weights['stem.0.weight'] *= torch.inf
    torch.save(weights, tmp_path / 'backbone.pth')
    features = dict(
        backbone=dict(cfg.model.backbone), checkpoint=str(tmp_path / 'backbone.pth')
    )
    with pytest.raises(FloatingPointError, match='image train_000: the features are'):
        run(cfg, features=features)
    assert not [*Path(cfg.work_dir).glob('regions/*.npz')]


def test_other_backbone_and_computed_saliency(cfg, tmp_path):
    backbone = dict(cfg.model.backbone)
    net = MODELS.build(backbone)
    torch.save(net.state_dict(), tmp_path / 'backbone.pth')
    features = dict(backbone=backbone, size=(32, 32), layer=1)
    saliency = dict(type='RobustBackgroundSaliency', num_superpixels=40)
    settings = dict(
        saliency=saliency,
        saliency_threshold=0.3,
        truth=None,
        panels=0,
        scatter=None,
    )
    with pytest.raises(ValueError, match='would be random'):
        run(cfg, features=features, **settings)
    features['checkpoint'] = str(tmp_path / 'backbone.pth')
    metrics = run(cfg, tmp_path / 'a', features=features, **settings)
    assert 'purity' not in metrics and -1 <= metrics['silhouette'] <= 1
    assert len([*(tmp_path / 'a').glob('saliency/*.png')]) == 24
    assert not (tmp_path / 'a/clusters.png').exists()
    features['backbone'] = dict(backbone, base_channels=8)
    with pytest.raises(ValueError, match=r'backbone\.pth do not fit ResNetV1c'):
        run(cfg, features=features, **settings)


def test_says_what_is_wrong(cfg):
    with pytest.raises(
        ValueError,
        match='none of 24 images has a novel region: .*'
        'x the novel region is too small.*lower min_area',
    ):
        run(cfg, min_area=5000)
    cfg.work_dir += '_2'
    with pytest.raises(ValueError, match='30 clusters of .* images are impossible'):
        run(cfg, num_clusters=30)
    with pytest.raises(ValueError, match='3 old classes and 253 clusters'):
        run(cfg, num_clusters=253)
    with pytest.raises(ValueError, match='must be 1 or more, not 0 and 20'):
        run(cfg, num_clusters=0)
    with pytest.raises(ValueError, match='base_confidence must be in 0..1'):
        run(cfg, base_confidence=1.5)
    truth = dict(cfg.job.truth, ann_file='ImageSets/Segmentation/val.txt')
    with pytest.raises(ValueError, match='`truth` lacks the image train_0'):
        run(cfg, truth=truth)
    with pytest.raises(FileNotFoundError, match='no checkpoint at'):
        run(cfg, checkpoint='nowhere')


def work(config_file):
    cfg = Config.fromfile(config_file)
    metrics = run(cfg)
    maps = dict(
        type='SaliencyJob',
        dataset=cfg.job.dataset,
        source=dict(type='RobustBackgroundSaliency', num_superpixels=40),
    )
    images = cfg.job.dataset.indices
    assert TASK_UTILS.build(maps).run(cfg) == dict(images=images)
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize(('images', 'processes'), [(24, 2), (24, 3), (2, 3)])
def test_any_number_of_processes(cfg, tmp_path, in_processes, images, processes):
    cfg.job.update(scatter=None, panels=1, num_clusters=min(3, images // 2))
    cfg.job.dataset.indices = images
    single = run(cfg)
    expected = labels_of(cfg.work_dir)
    cfg.work_dir = str(tmp_path / 'several')
    (tmp_path / 'cfg.py').write_text(cfg.pretty_text)
    found = in_processes(processes, work, str(tmp_path / 'cfg.py'))
    assert found == [pytest.approx(single)] * processes
    labels = labels_of(tmp_path / 'several')
    assert {*labels} == {*expected} and len(labels) > 1
    assert all(np.array_equal(labels[name], expected[name]) for name in labels)
    assert len([*(tmp_path / 'several').glob('saliency/*.png')]) == images


def fail_in_clustering(config_file):
    return run(Config.fromfile(config_file), min_area=5000)


def fail_in_regions(config_file):
    return run(Config.fromfile(config_file))


@pytest.mark.slow
def test_an_error_in_one_process_ends_both(
    cfg, tmp_path, saliency_folder, in_two_processes
):
    (tmp_path / 'cfg.py').write_text(cfg.pretty_text)
    first, second = in_two_processes(fail_in_clustering, str(tmp_path / 'cfg.py'))
    assert isinstance(first, ValueError) and isinstance(second, RuntimeError)
    for error in (first, second):
        assert 'none of 24 images has a novel region' in str(error)
    # The map of one image, of the second process, has colors.
    maps = tmp_path / 'maps'
    shutil.copytree(saliency_folder, maps)
    Image.new('RGB', (32, 32)).save(maps / 'train_007.png')
    cfg.job.saliency.folder = str(maps)
    cfg.work_dir += '_2'
    (tmp_path / 'cfg.py').write_text(cfg.pretty_text)
    first, second = in_two_processes(fail_in_regions, str(tmp_path / 'cfg.py'))
    assert isinstance(first, RuntimeError) and isinstance(second, ValueError)
    for error in (first, second):
        assert 'train_007.png has image mode RGB' in str(error)
