"""STRICT's configs hold the paper's settings; methods and options change one thing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.datasets.class_embeddings import write_class_embeddings
from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.ops.consistency import VIEW_SETS, view_set
from mmseg_labelfree.utils.metafile import read_metafile

ROOT = Path(__file__).parents[2] / 'configs/strict'
VOC = 'deeplabv2_r101_voc_15-5'


def config(name, options=None):
    cfg = Config.fromfile(ROOT / f'{name}.py')
    cfg.merge_from_dict(options or {})
    cfg.work_dir = 'work_dirs/test'
    return cfg


def stages(name, options=None):
    cfg = config(name, options)
    return {stage.name: stage.cfg for stage in build_protocol(cfg).stages(cfg)}


@pytest.mark.parametrize(
    ('name', 'first', 'later'),
    [(VOC, 20000, 2000), ('deeplabv2_r101_cocostuff_167-15', 100000, 22356)],
)
def test_training_of_section_4(name, first, later):
    found = stages(name)
    assert list(found) == ['spnet', 'round_1', 'round_2']
    for stage, cfg in found.items():
        length = first if stage == 'spnet' else later
        assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end == length
        assert cfg.train_dataloader.batch_size == (10 if stage == 'spnet' else 8)
        optimizer = cfg.optim_wrapper.optimizer
        assert (optimizer.lr, optimizer.momentum) == (2.5e-4, 0.9)
        assert optimizer.weight_decay == 5e-4
        assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
        assert cfg.model.pseudo_weight == 1.0


def test_two_images_on_each_of_four_gpus_keep_the_rates():
    cfg = stages(VOC, {'train_dataloader.batch_size': 2})['round_1']
    assert 4 * cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size


def test_figures_stand_at_the_rounds_that_the_paper_ran():
    """Table 3 and ST are one round, STRICT's rows of tables 1 and 2 are two."""
    counted = set()
    for entry in read_metafile(ROOT / 'metafile.yaml'):
        for result in entry.results:
            name = Path(entry.config).stem
            rounds = len(stages(name, entry.options)) - 1
            kind = name.rsplit('_', 1)[1] if name.endswith(('st', 'spnet')) else ''
            expected = (
                1 if result.table == 'Table 3' else dict(st=1, spnet=0).get(kind, 2)
            )
            assert rounds == expected, entry.name
            counted.add((result.table, rounds))
    assert counted >= {('Table 1', n) for n in range(3)} | {('Table 3', 1)}


def test_classes_of_the_splits():
    def head(options=None):
        return stages(VOC, options)['round_1'].model.decode_head

    test = ['pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor']
    assert head().unseen == test and len(head().classes) == 20
    assert len(head({'protocol.background': 'seen'}).classes) == 21
    assert len(head({'protocol.background': 'ignore'}).classes) == 20
    validation = head({'protocol.split': 'voc_12-3'})
    assert validation.unseen == ['horse', 'motorbike', 'person']
    assert len(validation.classes) == 15 and not set(test) & set(validation.classes)


@pytest.mark.parametrize(
    'name',
    [
        VOC,
        'deeplabv2_r101_cocostuff_167-15',
        'deeplabv3_mobilenetv2_vocreal_10-2',
        'demo_voc_15-5',
    ],
)
def test_methods_differ_in_one_thing(name):
    whole = config(name)
    assert whole.model.generator == dict(views='mirror+up')
    generators = dict(st=dict(views='none'), zs5=dict(views='none', top_percent=25.0))
    for method, generator in generators.items():
        cfg = config(f'{name}_{method}')
        assert cfg.model.generator == generator
        view_set(cfg.model.generator.views)
        assert list(stages(f'{name}_{method}')) == ['spnet', 'round_1']
        cfg.model.generator = whole.model.generator
        cfg.protocol.rounds = whole.protocol.rounds
        assert cfg.to_dict() == whole.to_dict(), method
    if name != 'demo_voc_15-5':
        cfg = config(f'{name}_clip')
        embeddings = cfg.model.decode_head.embeddings
        assert embeddings.arrays == ('clip',) and embeddings.dim is None
        assert embeddings.file.endswith('_clip.npz')
        embeddings.update(whole.model.decode_head.embeddings)
        assert cfg.to_dict() == whole.to_dict()
    spnet = config(f'{name}_spnet')
    assert spnet.model == whole.model
    assert spnet.protocol == {**whole.protocol, 'rounds': 0}
    assert list(stages(f'{name}_spnet')) == ['spnet']


@pytest.mark.parametrize('views', [v for v in VIEW_SETS if v != 'none'])
def test_views_are_an_option(views):
    found = stages('demo_voc_15-5', {'model.generator.views': views})
    assert found['spnet'].model.generator is None
    assert found['round_1'].model.generator == dict(views=views)


def test_calibration_is_an_option_of_spnet():
    found = stages(f'{VOC}_spnet', {'model.test_cfg.gamma': 0.6})
    assert found['spnet'].model.test_cfg == dict(mode='whole', gamma=0.6)


def test_rounds_and_their_labels_are_options():
    options = {'protocol.rounds': 3, 'protocol.mode': 'offline'}
    rounds = [f'{kind}_{k}' for k in (1, 2, 3) for kind in ('labels', 'round')]
    assert list(stages('demo_voc_15-5', options)) == ['spnet', *rounds]


@pytest.mark.parametrize('name', [VOC, 'deeplabv2_r101_cocostuff_167-15'])
def test_official_variant_squashes_and_scores_at_513(name, tmp_path):
    cfg = config(f'{name}_official')
    found = stages(f'{name}_official')
    assert list(found) == ['spnet', 'round_1', 'round_2']
    for stage in found.values():
        scale = stage.train_dataloader.dataset.dataset.pipeline[2]
        assert scale.scale == (513, 513) and scale.keep_ratio is False
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(tmp_path / 'image.png')
    labels = np.zeros((30, 50), np.uint8)
    labels[:, 25:] = 7
    Image.fromarray(labels).save(tmp_path / 'labels.png')

    def results(cfg):
        return Compose(cfg.val_dataloader.dataset.dataset.pipeline)(
            dict(
                img_path=str(tmp_path / 'image.png'),
                seg_map_path=str(tmp_path / 'labels.png'),
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
        )

    squashed = results(cfg)
    assert squashed['inputs'].shape == (3, 513, 513)
    sample = squashed['data_samples']
    assert tuple(sample.ori_shape) == (513, 513)
    found = sample.gt_sem_seg.data[0]
    assert found.shape == (513, 513) and set(found.unique().tolist()) == {0, 7}
    assert (found == 7).float().mean().item() == pytest.approx(0.5, abs=0.01)

    native = results(config(name))
    assert native['inputs'].shape == (3, 30, 50)
    assert tuple(native['data_samples'].ori_shape) == (30, 50)
    assert native['data_samples'].gt_sem_seg.data.shape == (1, 30, 50)


@pytest.mark.parametrize('name', [VOC, 'deeplabv2_r101_cocostuff_167-15'])
def test_network_of_the_authors(name):
    """What computes something else, and fits the same weights, if it is forgotten."""
    cfg = stages(name)['spnet'].model
    normalization = cfg.data_preprocessor
    assert normalization.mean == [104.008, 116.669, 122.675]
    assert normalization.std == [1.0] * 3 and not normalization.bgr_to_rgb
    backbone = MODELS.build(dict(cfg.backbone, init_cfg=None))
    backbone.train()
    assert backbone.maxpool.ceil_mode and not backbone.deep_stem
    for stage, dilation in (('layer3', 2), ('layer4', 4)):
        blocks = getattr(backbone, stage)
        assert {b.conv2.dilation for b in blocks} == {(dilation, dilation)}
    block = backbone.layer2[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    norms = [m for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 104 and not any(m.training for m in norms)
    assert {(m.eps, m.momentum) for m in norms} == {(1e-5, 0.999)}
    head = cfg.decode_head.head
    assert head.dilations == (6, 12, 18, 24) and not head.align_corners
    assert cfg.decode_head.embeddings.arrays == ('fasttext', 'word2vec')


def test_a_round_among_text_embeddings(tmp_path, monkeypatch):
    """Builds from a file of text embeddings, and learns; they are not learned."""
    monkeypatch.setenv('LABELFREE_DATA', str(tmp_path))
    names = ['background', *PascalVOCDataset.METAINFO['classes'][1:]]
    texts = np.random.default_rng(0).normal(size=(21, 512)).astype(np.float32)
    file = tmp_path / 'word_vectors/voc12_clip.npz'
    write_class_embeddings(file, names, dict(clip=texts))
    cfg = stages('deeplabv3_mobilenetv2_vocreal_10-2_clip')['round_1'].model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model, teacher = MODELS.build(cfg), MODELS.build(cfg)
    rows = [names.index(name) for name in model.decode_head.classes]
    unit = texts[rows] / np.linalg.norm(texts[rows], axis=1, keepdims=True)

    def vectors():
        return model.decode_head.conv_seg.vectors.numpy()

    np.testing.assert_allclose(vectors(), unit, rtol=1e-5, atol=1e-6)
    model.set_teacher(teacher)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    labels = torch.randint(0, 10, (2, 1, 64, 64))
    labels[..., 32:] = 254
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in labels]
    losses = model.loss(torch.randn(2, 3, 64, 64), samples)
    assert losses['pseudo.share'] > 0
    model.parse_losses(losses)[0].backward()
    weight = model.decode_head.conv_seg.embed.weight
    before = weight.detach().clone()
    optimizer.step()
    assert weight.shape[0] == 512 and not torch.equal(weight, before)
    np.testing.assert_allclose(vectors(), unit, rtol=1e-5, atol=1e-6)
