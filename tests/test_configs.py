"""Every config parses and builds, and the metafiles say what there is."""

import ast
import copy
import json
import re
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import COCOStuffDataset, PascalVOCDataset
from mmseg.registry import (
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    TASK_UTILS,
)

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.jobs import Job
from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.engine.protocols.useless_settings import useless_settings
from mmseg_labelfree.utils.metafile import get_option, read_metafile

ROOT = Path(__file__).parent.parent
CONFIGS = sorted(ROOT.glob('configs/[!_]*/*.py'))
FOLDERS = sorted({path.parent for path in CONFIGS})
NO_METHODS = ('label_cost', 'own_data')
METHODS = [folder for folder in FOLDERS if folder.name not in NO_METHODS]
SELF_SUPERVISED = sorted(ROOT.glob('configs/*/mocov3_*.py'))  # MMPretrain's scope
BUILT: set[str] = set()
ENTRIES: dict[Path, list] = {}
for metafile in sorted(ROOT.glob('configs/*/metafile.yaml')):
    for entry in read_metafile(metafile):
        ENTRIES.setdefault(ROOT / entry.config, []).append(entry)


def name_of(path):
    return f'{path.parent.name}-{path.stem}'


@pytest.fixture(scope='session')
def annotations(tmp_path_factory):
    """A data folder with the annotations and vectors that parts open when built."""
    root = tmp_path_factory.mktemp('data')
    points = {'image': [dict(cls=12, x=1, y=2)]}
    for name in (
        'VOCdevkit/VOC2012/whats_the_point/data/pascal2012_trainval_main.json',
        'voc_real/points.json',
    ):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(json.dumps(points))
    (root / 'VOCdevkit/VOC2012/ScribbleSup/xml').mkdir(parents=True)
    (root / 'ade/ADEChallengeData2016/Point_Annotation_Relabeled').mkdir(parents=True)
    (root / 'word_vectors').mkdir()
    rng = np.random.default_rng(0)
    for name, dataset in (('voc12', PascalVOCDataset), ('cocostuff', COCOStuffDataset)):
        own_names = dict(pottedplant='potted_plant', tvmonitor='tv')
        classes = [own_names.get(c, c) for c in dataset.METAINFO['classes']]
        vectors = rng.normal(size=(2, len(classes), 300)).astype('float32')
        np.savez(
            root / f'word_vectors/{name}.npz',
            names=np.array(classes),
            fasttext=vectors[0],
            word2vec=vectors[1],
        )
        texts = rng.normal(size=(len(classes), 512))
        np.savez(
            root / f'word_vectors/{name}_clip.npz', names=np.array(classes), clip=texts
        )
    return root


@pytest.fixture(autouse=True)
def data_folder(annotations, monkeypatch):
    monkeypatch.setenv('LABELFREE_DATA', str(annotations))


def last_training(cfg: Config, work_dir: Path) -> Config:
    """The config itself, or that of a protocol's last training; its jobs build."""
    cfg.work_dir = str(work_dir)
    stages = build_protocol(cfg).stages(cfg)
    assert len({stage.name for stage in stages}) == len(stages)
    for stage in stages:
        assert useless_settings(stage) == []
        if stage.is_job:
            assert isinstance(TASK_UTILS.build(stage.cfg.job), Job)
    trainings = [stage for stage in stages if not stage.is_job]
    return (trainings or stages)[-1].cfg


def build_model(model: dict) -> None:
    """Build a model, without memory for its weights where that is possible.

    One that several configs have is built once.
    """
    if repr(model) in BUILT:
        return
    BUILT.add(repr(model))
    bank = model.get('memory_bank')
    if bank:
        bank.update(length=9, background_length=9)
    # MiT reads numbers off a tensor as it is built.
    mit = 'MixVision' in model.get('backbone', {}).get('type', '')
    if mit:
        model.backbone.num_layers = [1, 1, 1, 2]  # AFA reads two
    with torch.device('cpu' if bank or mit else 'meta'):
        MODELS.build(model)


def build_metrics(cfg: Config) -> list:
    evaluators = cfg.val_evaluator
    several = evaluators if isinstance(evaluators, list) else [evaluators]
    return [METRICS.build(metric) for metric in several]


def inner_datasets(dataset):
    if dataset is None:
        return []
    if 'datasets' in dataset:
        return [inner for d in dataset.datasets for inner in inner_datasets(d)]
    return inner_datasets(dataset.dataset) if 'dataset' in dataset else [dataset]


@pytest.mark.parametrize(
    'path', [p for p in CONFIGS if p not in SELF_SUPERVISED], ids=name_of
)
def test_config_parses_and_its_parts_build(path, tmp_path):
    cfg = last_training(Config.fromfile(path), tmp_path)
    if 'model' not in cfg:
        assert isinstance(TASK_UTILS.build(cfg.job), Job)
        return
    build_model(cfg.model)
    assert cfg.val_evaluator is None or build_metrics(cfg)
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
    assert cfg.optim_wrapper.type in OPTIM_WRAPPERS.module_dict or (
        cfg.optim_wrapper.type == 'OptimWrapper'
    )
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for dataset in inner_datasets((cfg[loader] or {}).get('dataset')):
            assert Compose(dataset.pipeline).transforms
            assert dataset.get('test_mode', False) is (loader != 'train_dataloader')
    if 'tta_pipeline' in cfg:
        assert Compose(cfg.tta_pipeline).transforms


@pytest.mark.parametrize('path', SELF_SUPERVISED, ids=lambda p: p.stem)
def test_self_supervised_config_builds(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    assert MODELS.build(cfg.model).backbone.num_layers == 6
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)
    assert cfg.optim_wrapper.type.removeprefix('mmseg.') in OPTIM_WRAPPERS.module_dict
    (dataset,) = inner_datasets(cfg.train_dataloader.dataset)
    assert dataset.type.removeprefix('mmseg.') in DATASETS.module_dict
    assert Compose(dataset.pipeline).transforms


def bases_and_body(path: Path) -> tuple[list[Path], str]:
    """Files that a config names in ``_base_``, and the rest of it without comments."""
    tree = ast.parse(path.read_text())
    bases, body = [], []
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_':
            named = ast.literal_eval(node.value)
            named = [named] if isinstance(named, str) else named
            bases = [(path.parent / name).resolve() for name in named]
        else:
            body.append(ast.unparse(node))
    return bases, '\n'.join(body)


def depth(path: Path) -> int:
    return 1 + max((depth(base) for base in bases_and_body(path)[0]), default=0)


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda p: p.name)
def test_leaves_name_one_bundle_and_differ(folder):
    seen = {}
    for path in sorted(folder.glob('*.py')):
        bases, body = bases_and_body(path)
        assert len(bases) == 1, f'{path.name}: one bundle of configs/_base_'
        assert bases[0].parent == ROOT / 'configs/_base_', path.name
        assert depth(path) <= 3, path.name
        twin = seen.setdefault((bases[0], body), path)
        assert twin is path, f'{path.name} is {twin.name}'


def test_parts_have_no_bases_and_are_used():
    parts = set(ROOT.glob('configs/_base_/**/*.py'))
    used = set()
    for path in [*CONFIGS, *parts]:
        used.update(bases_and_body(path)[0])
    assert sorted(p.name for p in parts - used) == []
    for part in parts:
        if part.parent.name != '_base_':
            assert bases_and_body(part)[0] == [], part.name


@pytest.mark.parametrize('folder', METHODS, ids=lambda p: p.name)
def test_metafile_names_the_configs_that_there_are(folder):
    content = mmengine.load(folder / 'metafile.yaml')
    (collection,) = content['Collections']
    assert (ROOT / collection['README']).is_file()
    assert collection['Paper']['Title']
    models = content['Models']
    assert {m['In Collection'] for m in models} == {collection['Name']}
    assert len({m['Name'] for m in models}) == len(models)
    assert {ROOT / m['Config'] for m in models} == set(folder.glob('*.py'))


def test_model_index_names_the_metafile_of_every_method():
    imported = mmengine.load(ROOT / 'model-index.yml')['Import']
    assert sorted(imported) == [f'configs/{p.name}/metafile.yaml' for p in METHODS]


def metric_keys(cfg: Config) -> set[str]:
    """Keys of what the evaluators return, for a prediction without a mistake."""
    keys = set()
    maps = dict(data=torch.zeros(1, 4, 4, dtype=torch.long))
    fields = ('pred', 'gt', 'probe', 'cam', 'pseudo')
    sample: dict = {f'{k}_sem_seg': maps for k in fields}
    sample.update(image_logits=torch.ones(1), image_labels=[True])
    for metric in build_metrics(cfg):
        groups = getattr(metric, 'groups', {})
        names = {c: None for members in groups.values() for c in members}
        extra = getattr(metric, 'num_old_classes', 0)
        extra += getattr(metric, 'num_clusters', 0)
        classes = [*names, *(f'class {i}' for i in range(1 + extra))]
        metric.dataset_meta = dict(classes=classes)
        metric.process({}, [sample])
        keys.update(metric.evaluate(1))
    return keys


@pytest.mark.parametrize('path', ENTRIES, ids=name_of)
def test_options_can_be_set_and_figures_are_of_our_metrics(path, tmp_path):
    own = Config.fromfile(path)
    seen = []
    for entry in ENTRIES[path]:
        assert entry.data, f'{entry.name}: Dataset of a result, or Metadata.Data'
        assert entry.options not in seen
        seen.append(entry.options)
        for key, value in entry.options.items():
            here = get_option(own, key)
            assert here != value, f'{entry.name}: {key} is {value} anyway'
            # protocols and models refuse the arguments that they do not know
            assert here is not None or key.startswith(('protocol.', 'model.')), key
        cfg = copy.deepcopy(own)
        cfg.merge_from_dict(copy.deepcopy(entry.options))
        if not entry.options and not entry.results:
            continue
        cfg = last_training(cfg, tmp_path)
        if any(key.startswith('model.') for key in entry.options):
            build_model(cfg.model)
        for result in entry.results:
            assert result.table, f'{entry.name}: Table of the result'
            assert metric_keys(cfg) >= result.metrics.keys()


def test_every_registered_name_is_tested():
    package = ''.join(p.read_text() for p in ROOT.glob('mmseg_labelfree/**/*.py'))
    names = re.findall(r'register_module\(\)\nclass (\w+)', package)
    assert len(names) > 15
    tests = ''.join(p.read_text() for p in ROOT.glob('tests/**/*.py'))
    assert [name for name in names if name not in tests] == []


@pytest.mark.parametrize(
    'path', sorted(ROOT.glob('configs/_base_/schedules/*.py')), ids=lambda p: p.stem
)
def test_every_schedule_stops_a_training_that_diverges(path):
    hook = Config.fromfile(path).default_hooks.invalid_loss
    assert hook.type.removeprefix('mmseg.') == 'InvalidLossHook'
