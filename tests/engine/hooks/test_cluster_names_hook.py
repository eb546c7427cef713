"""Clusters in checkpoints, in MMSegmentation's own inference, in pictures and masks."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.apis import (
    MMSegInferencer,
    inference_model,
    init_model,
    show_result_pyplot,
)
from PIL import Image

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import load_checkpoint
from mmseg_labelfree.utils.cluster_names import data_meta

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]


def expected(work_dir, data, num_old_classes):
    """Class of each output by ``matching.json``, 255 for none, and its color if any."""
    matching = json.loads((Path(work_dir) / 'matching.json').read_text())['classes']
    classes, palette = list(data['classes']), data['palette']
    names = [*classes[:num_old_classes], *matching]
    labels = [classes.index(name) if name else 255 for name in names]
    colors = [palette[k] if k < 255 else None for k in labels]
    assert any(name for name in matching)
    return names, np.array(labels), colors


def share_painted(picture, outputs, colors, palette):
    """Share of the pixels in the color of their class, or in no class's."""
    right = np.zeros(outputs.shape, bool)
    for k, color in enumerate(colors):
        of_classes = [(picture == np.array(c)).all(2) for c in palette]
        own = ~np.any(of_classes, 0) if color is None else (picture == color).all(2)
        right |= own & (outputs == k)
    return right.mean()


def check(cfg, data, num_old_classes, run_tool, tmp_path):
    names, labels, colors = expected(cfg.work_dir, data, num_old_classes)
    checkpoint, path = load_checkpoint(cfg.work_dir)
    stored = checkpoint['meta']['dataset_meta']
    assert len(stored['classes']) == len(stored['palette']) == len(names)
    for k, (name, found) in enumerate(zip(names, stored['classes'], strict=True)):
        assert found == (name or f'cluster_{k - num_old_classes}')
    own = data_meta(checkpoint['meta'])['classes']
    assert own[:num_old_classes] == tuple(data['classes'][:num_old_classes])

    cfg.test_pipeline = PIPELINE
    cfg.visualizer.alpha = 1.0
    inner = cfg.test_dataloader.dataset.get('dataset', cfg.test_dataloader.dataset)
    images = sorted(Path(inner.data_root, 'JPEGImages').glob('val*.jpg'))
    model = init_model(cfg, path, device='cpu')
    assert model.dataset_meta['classes'] == stored['classes']
    results = [inference_model(model, str(image)) for image in images]
    outputs = [r.pred_sem_seg.data[0].numpy() for r in results]
    picture = show_result_pyplot(
        model, str(images[0]), results[0], 1.0, with_labels=False, show=False
    )
    assert share_painted(picture, outputs[0], colors, data['palette']) == 1

    out, show = tmp_path / 'masks', tmp_path / 'pictures'
    file = tmp_path / 'tested.py'
    cfg.dump(file)
    options = ('--work-dir', cfg.work_dir, '--out', out, '--show-dir', show)
    run = run_tool('test.py', file, path, *options)
    assert run.returncode == 0, run.stdout
    for image, output in zip(images, outputs, strict=True):
        mask = np.asarray(Image.open(out / f'{image.stem}.png'))
        assert np.array_equal(mask, labels[output])
        (drawn,) = show.glob(f'**/test_{image.name}_*.png')
        right = np.asarray(Image.open(drawn))[:, output.shape[1] :]
        # The rest is covered by names.
        assert share_painted(right, output, colors, data['palette']) > 0.5

    cfg.test_dataloader.dataset = dict(inner, pipeline=PIPELINE)
    cfg.dump(file)
    found = MMSegInferencer(str(file), path, device='cpu')(
        str(images[0]), return_vis=True, opacity=1.0, with_labels=False
    )
    assert np.array_equal(found['predictions'], outputs[0])
    picture = found['visualization']
    assert share_painted(picture, outputs[0], colors, data['palette']) == 1


@pytest.mark.slow
def test_of_iddc(iddc, run_tool, tmp_path):
    iddc.val_evaluator.maximize = iddc.test_evaluator.maximize = 'pixels'
    runner = Runner.from_cfg(iddc)
    runner.train()
    data = iddc.val_dataloader.dataset.metainfo
    check(iddc.copy(), data, 0, run_tool, tmp_path)


@pytest.mark.slow
def test_of_eums(novel, run_tool, tmp_path):
    long_enough = dict(max_iters=80, val_interval=80)  # to predict clusters at all
    novel.protocol.update(
        entropy_ranking=None, reassignment=None, fine_tuning=dict(train_cfg=long_enough)
    )
    novel.param_scheduler = []
    novel.default_hooks.checkpoint.interval = 80
    runner = ProtocolRunner(novel)
    runner.run()
    data = Runner.from_cfg(runner.stages[-1].cfg).val_dataloader.dataset.metainfo
    stage = runner.stages[-1].cfg
    check(stage.copy(), data, 4, run_tool, tmp_path)
    check_alone(Path(stage.work_dir), run_tool, tmp_path)


def check_alone(work_dir, run_tool, tmp_path):
    """A checkpoint without ``matching.json`` beside it: with its matching, and bare."""
    expected = json.loads((work_dir / 'finished.json').read_text())['metrics']
    checkpoint, _ = load_checkpoint(work_dir)
    alone, matched = tmp_path / 'alone.pth', 'No validation has matched the clusters'
    for content, line in (
        (checkpoint, f'Results are in {work_dir}/test/alone_'),
        (checkpoint['state_dict'], f'{matched} of {alone}: they are matched on the im'),
    ):
        torch.save(content, alone)
        run = run_tool('test.py', work_dir / 'config.py', alone)
        assert run.returncode == 0 and line in run.stdout, run.stdout
        (file,) = (work_dir / 'test').glob('alone_*/results.json')
        (result,) = json.loads(file.read_text())['stages'].values()
        assert result['metrics'] == expected  # the images are those of the validation
        assert file.with_name('matching.json').is_file()
    assert matched in run.stdout


@pytest.mark.slow
def test_weights_that_were_not_validated(iddc, run_tool, tmp_path):
    """Clusters without names, also if earlier weights were matched; resuming."""
    iddc.train_cfg.update(max_iters=5, val_interval=3)
    iddc.default_hooks.checkpoint.update(interval=1, max_keep_ckpts=-1)
    runner = Runner.from_cfg(iddc)
    runner.train()
    metas = [
        load_checkpoint(Path(iddc.work_dir) / f'iter_{k}.pth')[0]['meta']
        for k in (2, 3, 4)
    ]
    clusters = tuple(f'cluster_{k}' for k in range(6))
    for meta, named in zip(metas, (False, True, False), strict=True):
        assert (meta['dataset_meta']['classes'] != clusters) is named
        assert meta['data_meta'] == runner.train_dataloader.dataset.metainfo

    file = tmp_path / 'tested.py'
    iddc.dump(file)
    path = Path(iddc.work_dir) / 'iter_2.pth'
    run = run_tool('test.py', file, path, '--out', tmp_path / 'masks')
    assert run.returncode == 0, run.stdout
    assert 'hold numbers of clusters, not of classes' in run.stdout

    iddc.train_cfg.max_iters = 6
    iddc.load_from, iddc.resume = str(Path(iddc.work_dir) / 'iter_3.pth'), True
    iddc.work_dir += '_on'
    runner = Runner.from_cfg(iddc)
    runner.train()
    log = next(Path(iddc.work_dir).glob('*/*.log')).read_text()
    assert 'dataset metainfo from the resumed checkpoint is different' not in log
