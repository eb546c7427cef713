"""U2PL+'s configs hold the paper's settings; baselines and ablations leave out."""

import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmseg.registry import DATASETS, MODELS
from PIL import Image

import mmseg_labelfree  # noqa: F401

ROOT = Path(__file__).parents[2] / 'configs/u2pl'
PARTITIONS = sorted(ROOT.glob('deeplabv3plus_*.py'))
VOCREAL = 'deeplabv3_mobilenetv2_vocreal_1-16'


def config(name, options=None):
    cfg = Config.fromfile(ROOT / f'{name}.py')
    cfg.merge_from_dict(options or {})
    return cfg


def sources(cfg):
    """The loader's sources, one or two."""
    dataset = cfg.train_dataloader.dataset
    return dataset.get('datasets') or [dataset]


@pytest.mark.parametrize('path', PARTITIONS, ids=lambda path: path.stem)
def test_length_follows_from_the_partition(path):
    cfg = Config.fromfile(path)
    data, partition, labels = re.search(
        r'_(voc|cityscapes)[-_]((?:classic_|blender_)?(\d+))', path.stem
    ).groups()
    images, epochs = dict(voc=(10582, 80), cityscapes=(2975, 200))[data]
    official = 'suponly_official' in path.stem  # its epochs are of the labeled images
    epoch = (int(labels) if official else images - int(labels)) // 16
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end == epochs * epoch
    if data == 'voc' and 'suponly' not in path.stem:
        assert cfg.model.warmup_iters == epoch  # code: the first one on labels alone
    else:
        assert 'warmup_iters' not in cfg.model
    central = cfg.val_dataloader.dataset.pipeline == cfg.get('center_pipeline')
    assert central is (data == 'voc')
    same = cfg.test_dataloader == cfg.val_dataloader
    assert same is (data != 'voc' or '_official' in path.stem)
    folder = 'ImageSets/Segmentation' if data == 'voc' else 'partitions'
    for source in sources(cfg):
        assert source.dataset.ann_file == f'{folder}/{partition}/{source.source}.txt'


@pytest.mark.parametrize(
    ('name', 'features'),
    [('demo_voc_40', 48), (VOCREAL, 64), ('deeplabv3plus_r101_cityscapes_186', 512)],
)
def test_baselines_leave_out(name, features):
    whole = config(name)
    kinds = dict(
        suponly=('EncoderDecoder', None),
        meanteacher=('MeanTeacherEncoderDecoder', None),
        cutmix=('MeanTeacherEncoderDecoder', 'cutmix'),
    )
    for kind, (model, mixing) in kinds.items():
        cfg = config(f'{name}_{kind}')
        assert (cfg.model.type, cfg.model.get('mixing')) == (model, mixing)
        assert 'memory_bank' not in cfg.model
        for key in ('optim_wrapper', 'train_cfg', 'param_scheduler', 'val_dataloader'):
            assert cfg[key] == whole[key]
        labeled = whole.train_dataloader.dataset.datasets[0]
        if kind == 'suponly':
            assert cfg.val_cfg == dict(type='ValLoop')
            assert cfg.train_dataloader.dataset == labeled
            half = whole.train_dataloader.sampler.source_counts.labeled
            assert cfg.train_dataloader.batch_size == half
            assert cfg.custom_hooks == whole.custom_hooks[: len(cfg.custom_hooks)]
            if 'auto_scale_lr' in cfg:  # four or eight GPUs, as the others have
                num = whole.auto_scale_lr.base_batch_size // (2 * half)
                assert cfg.auto_scale_lr.base_batch_size == num * half == 16
        else:
            assert cfg.val_cfg == dict(type='TeacherStudentValLoop')
            assert cfg.train_dataloader == whole.train_dataloader
            assert cfg.custom_hooks == whole.custom_hooks[:-1]
    assert whole.custom_hooks[-1] == dict(type='PrototypeMemoryBankHook')
    counts = whole.train_dataloader.sampler.source_counts
    assert sum(counts.values()) == whole.train_dataloader.batch_size
    whole.model.backbone.init_cfg = None
    whole.model.memory_bank.update(length=10, background_length=10)
    model = MODELS.build(whole.model)
    assert model.memory_bank.num_classes == model.num_classes
    assert model.representation_head.layers[0].conv.in_channels == features


# Contrast, dynamic partition, probability ranks, unreliable negatives alone, denoising,
# momentum prototypes, symmetric cross-entropy: Table 4.
ROWS = {
    '_contrast': 'contrast',
    '_u2pl_no-dpa': 'contrast PRT Un',
    '_u2pl_no-prt': 'contrast DPA Un',
    '_u2pl_no-un': 'contrast DPA PRT',
    '_u2pl': 'contrast DPA PRT Un',
    '_pd': 'PD',
    '_pd-sce': 'PD SCE',
    '_pd-mp-sce': 'PD MP SCE',
    '': 'contrast DPA PRT Un PD MP SCE',
}


def components(model):
    """Components of Table 4 in the config of a model."""
    contrast = model.contrastive_loss is not None
    partition = model.unreliable > 0 and model.get('dynamic_partition', True)
    return {
        'contrast': contrast,
        'DPA': contrast and partition,
        'PRT': contrast and model.contrastive_loss.low_rank > 1,
        'Un': contrast
        and {'reliable', 'surest'}.isdisjoint(model.get('negatives', ())),
        'PD': model.get('denoise', True),
        'MP': model.memory_bank.momentum > 0,
        'SCE': model.unlabeled_loss.type == 'SymmetricCrossEntropyLoss',
    }


@pytest.mark.parametrize('row', ROWS)
def test_rows_of_table_4(row):
    cfg = config(f'demo_voc_40{row}')
    found = components(cfg.model)
    cfg.model.memory_bank.update(length=10, background_length=10)
    assert MODELS.build(cfg.model).memory_bank.num_classes == 21
    assert {name for name, present in found.items() if present} == set(
        ROWS[row].split()
    )


def test_cutmix_with_symmetric_cross_entropy():
    cfg, cutmix = config('demo_voc_40_sce'), config('demo_voc_40_cutmix')
    whole = config('demo_voc_40')
    assert cfg.model.pop('unlabeled_loss') == whole.model.unlabeled_loss
    assert cfg.to_dict() == cutmix.to_dict()


OFFICIAL = 'deeplabv3plus_r101_voc-classic_1464_{}_official'


def test_the_authors_code():
    """One variable sets segmentor, loss, bank and teacher."""
    for name in (OFFICIAL.format('u2pl'), f'{VOCREAL}_u2pl_official'):
        cfg = config(name)
        cfg.model.backbone.init_cfg = None
        cfg.model.memory_bank.update(length=10, background_length=10)
        model = MODELS.build(cfg.model)
        assert model.official and model.contrastive_loss.official
        assert model.contrastive_loss.loss_weight == 1
        buffers = [hook.get('buffers') for hook in cfg.custom_hooks]
        assert model.teacher_buffers in buffers
        assert cfg.custom_hooks[-1].type == 'PrototypeMemoryBankHook'


def test_central_crop_of_the_authors():
    """A smaller image is background where it lacks pixels, and scored at 513."""
    cfg = config(OFFICIAL.format('u2pl'))
    pipeline = Compose(cfg.val_dataloader.dataset.pipeline[2:])
    image = np.full((375, 600, 3), 7, np.uint8)
    labels = np.full((375, 600), 3, np.uint8)
    data = pipeline(dict(img=image, gt_seg_map=labels, seg_fields=['gt_seg_map']))
    truth = data['data_samples'].gt_sem_seg.data[0].numpy()
    assert data['inputs'].shape == (3, 513, 513) and truth.shape == (513, 513)
    assert data['data_samples'].ori_shape == (513, 513)
    assert (truth[375:] == 0).all() and (truth[:375] != 0).all()


def test_ohem_and_scale_of_cityscapes():
    cfg = config('deeplabv3plus_r101_cityscapes_186')
    for head in (cfg.model.decode_head, cfg.model.auxiliary_head):
        assert head.sampler.type == 'HardPixelSampler'
        assert head.sampler.thresh == 0.7 and head.sampler.min_kept == 100000
    for whole in (cfg, config('deeplabv3plus_r101_voc-classic_92')):
        scale = sources(whole)[0].dataset.pipeline[2]
        assert scale == dict(type='RandomScale', ratio_range=(0.5, 2.0))


def test_lists_of_the_authors_for_cityscapes(tmp_path):
    """Whole paths with suffixes, from the data root on."""
    cfg = config('deeplabv3plus_r101_cityscapes_186')
    name = 'ulm/ulm_000000_000019'
    for folder, suffix in (
        ('leftImg8bit', '_leftImg8bit.png'),
        ('gtFine', '_gtFine_labelTrainIds.png'),
    ):
        path = tmp_path / f'{folder}/train/{name}{suffix}'
        path.parent.mkdir(parents=True)
        Image.fromarray(np.zeros((4, 8), np.uint8)).save(path)
    line = f'leftImg8bit/train/{name}_leftImg8bit.png\n'
    (tmp_path / 'list.txt').write_text(line)
    for source in sources(cfg):
        source.dataset.update(data_root=str(tmp_path), ann_file='list.txt')
        found = DATASETS.build(source).get_data_info(0)
        assert found['img_path'].endswith(f'leftImg8bit/train/{name}_leftImg8bit.png')
        mask = f'gtFine/train/{name}_gtFine_labelTrainIds.png'
        assert found['seg_map_path'].endswith(mask)


def test_partition_is_an_option():
    key = 'train_dataloader.dataset.datasets.{}.dataset.ann_file'
    lists = 'ImageSets/Segmentation/train_1-8_balanced_seed0'
    cfg = config(
        VOCREAL,
        {
            key.format(0): f'{lists}/labeled.txt',
            key.format(1): f'{lists}/unlabeled.txt',
        },
    )
    other = config('deeplabv3_mobilenetv2_vocreal_1-8')
    for part in (
        part for c in (cfg, other) for part in c.train_dataloader.dataset.datasets
    ):
        folder = part.pop('partition').folder  # of its own lists, other ones are read
        assert (folder == lists) is (part.dataset.ann_file.startswith(folder))
    assert cfg.to_dict() == other.to_dict()
