"""``tools/test.py`` with test-time augmentation, with a dense CRF, and with both."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import resolve_checkpoint
from mmseg_labelfree.utils.test_options import save_masks, use_dense_crf, use_tta

ROOT = Path(__file__).parents[2]
ENV = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')


def tta_pipeline():
    return [
        dict(type='LoadImageFromFile'),
        dict(
            type='TestTimeAug',
            transforms=[
                [
                    dict(type='Resize', scale_factor=s, keep_ratio=True)
                    for s in (0.75, 1.0, 1.25)
                ],
                [
                    dict(type='RandomFlip', prob=p, direction='horizontal')
                    for p in (0.0, 1.0)
                ],
                [dict(type='LoadAnnotations')],
                [dict(type='PackSegInputs')],
            ],
        ),
    ]


@pytest.fixture
def with_options(incremental):
    incremental.tta_model = dict(type='MaxVotingTTAModel')
    incremental.tta_pipeline = tta_pipeline()
    incremental.dense_crf = dict(num_workers=2, bilateral_xy=12, iterations=3)
    return incremental


def train_first_stage(cfg, path):
    cfg.protocol.initial_step = dict(
        optim_wrapper=dict(optimizer=dict(lr=0.1)),
        train_cfg=dict(max_iters=100, val_interval=100),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=100, by_epoch=False)],
    )
    path.write_text(cfg.pretty_text)
    ProtocolRunner(Config.fromfile(path)).run('step_0')


def run_in_process(path, *options):
    """Metrics of the first stage, without the tool."""
    cfg = ProtocolRunner(Config.fromfile(path)).stage('step_0').cfg
    cfg.load_from = resolve_checkpoint(cfg.work_dir)
    for option in options:
        option(cfg)
    return Runner.from_cfg(cfg).test()


def launch_twice(*arguments, cwd):
    """Run ``tools/test.py`` in two processes of torch's launcher."""
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node=2', ROOT / 'tools/test.py', *arguments]
    command += ['--launcher', 'pytorch']
    return subprocess.run(
        [*map(str, command)], env=ENV, cwd=cwd, capture_output=True, text=True
    )


def reported(done, work_dir):
    """The metrics that the tool has written."""
    assert done.returncode == 0, done.stderr
    (file,) = Path(work_dir).glob('*/test/*/results.json')
    (result,) = json.loads(file.read_text())['stages'].values()
    return result['metrics']


@pytest.mark.slow
@pytest.mark.usefixtures('pydensecrf')
def test_tool_on_a_stage_in_two_processes(with_options, tmp_path):
    """Five images over two processes: one of them is there twice, and counts once."""
    with_options.test_dataloader.dataset.dataset.indices = 5
    with_options.test_dataloader.dataset.future = 'background'
    path = tmp_path / 'trained.py'
    train_first_stage(with_options, path)
    masks = {name: tmp_path / name for name in ('tool', 'same', 'plain')}
    options = ('--stage', 'step_0', '--tta', '--crf', '--out', masks['tool'])
    done = launch_twice(path, *options, cwd=tmp_path)
    result = reported(done, with_options.work_dir)
    expected = run_in_process(
        path, use_tta, use_dense_crf, lambda cfg: save_masks(cfg, masks['same'])
    )
    assert result == pytest.approx(expected, abs=1e-4, nan_ok=True)
    plain = run_in_process(path, lambda cfg: save_masks(cfg, masks['plain']))
    assert 'mIoU/old' in result and result['mIoU'] != pytest.approx(plain['mIoU'])
    names = [path.name for path in sorted(masks['plain'].glob('*.png'))]
    tool, same, bare = (
        [np.asarray(Image.open(folder / name)) for name in names]
        for folder in masks.values()
    )
    assert len(names) == 5 and np.array_equal(tool, same)
    assert not np.array_equal(tool, bare)


class WithoutDenseCRF:
    """A finder that stands for an environment without pydensecrf."""

    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'pydensecrf':
            raise ModuleNotFoundError(f'No module named {name!r}')


@pytest.mark.slow
def test_without_pydensecrf(incremental, tmp_path, monkeypatch, run_tool):
    path = tmp_path / 'config.py'
    incremental.dump(path)
    for name in [n for n in sys.modules if n.partition('.')[0] == 'pydensecrf']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'meta_path', [WithoutDenseCRF(), *sys.meta_path])
    done = run_tool('test.py', path, '--stage', 'step_0', '--crf')
    assert done.returncode == 1
    assert done.stdout.strip().splitlines()[-1] == (
        'Error: ImportError: the dense CRF needs pydensecrf2 '
        "(No module named 'pydensecrf'); "
        'run `pip install "mmseg_labelfree[crf]"` or, in the checkout, '
        '`pip install -e ".[crf]"`; for Python 3.13 see docs/versions.md'
    )


def test_use_tta_reaches_wrapped_data(incremental):
    incremental.tta_pipeline = tta_pipeline()
    incremental.tta_model = dict(type='MaxVotingTTAModel', vote='majority')
    model = incremental.model
    inner = incremental.test_dataloader.dataset
    incremental.test_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[inner, inner]
    )
    use_tta(incremental)
    assert incremental.model.type == 'MaxVotingTTAModel'
    assert incremental.model.module == model
    for dataset in incremental.test_dataloader.dataset.datasets:
        assert dataset.dataset.pipeline == tta_pipeline()
    assert 'module' not in incremental.tta_model
    assert incremental.val_dataloader.dataset.dataset.pipeline != tta_pipeline()


@pytest.mark.usefixtures('pydensecrf')
def test_messages(incremental):
    with pytest.raises(ValueError, match='no tta_model and no tta_pipeline: test-time'):
        use_tta(incremental)
    incremental.tta_model = dict(type='SegTTAModel')
    with pytest.raises(ValueError, match='has no tta_pipeline: .*TTAModel'):
        use_tta(incremental)
    incremental.tta_pipeline = tta_pipeline()
    use_tta(incremental)
    with pytest.raises(ValueError, match='SegTTAModel leaves the scores of the last'):
        use_dense_crf(incremental)


@pytest.mark.usefixtures('pydensecrf')
def test_dense_crf_wraps_once(incremental, tmp_path):
    first = incremental.test_evaluator.to_dict()
    incremental.dense_crf = dict(iterations=2)
    for _ in range(2):
        use_dense_crf(incremental)
        assert incremental.test_evaluator == dict(
            type='DenseCRFMetric', metric=first, iterations=2
        )
    incremental.test_evaluator = [first, dict(type='IoUMetric')]
    use_dense_crf(incremental)
    save_masks(incremental, tmp_path)
    metrics = incremental.test_evaluator
    assert [m.type for m in metrics] == ['DenseCRFMetric'] * 2
    assert [m.metric.get('output_dir') for m in metrics] == [str(tmp_path), None]


def test_masks_are_called_by_the_paths_of_their_images(incremental, tmp_path):
    inner = incremental.test_dataloader.dataset.dataset
    incremental.test_evaluator = [dict(type='IoUMetric'), dict(type='GroupedIoUMetric')]
    save_masks(incremental, tmp_path)
    first, second = incremental.test_evaluator
    assert first.type == 'CheckedIoUMetric'  # which mixes up no images
    assert first.image_folder == f'{inner.data_root}/JPEGImages'
    assert 'output_dir' not in second


@pytest.mark.usefixtures('pydensecrf')
def test_the_crf_reads_photos_as_the_test_does(incremental):
    inner = incremental.test_dataloader.dataset.dataset
    inner.pipeline[0]['color_type'] = 'color_ignore_orientation'
    use_dense_crf(incremental)
    loading = incremental.test_evaluator.loading
    assert loading.color_type == 'color_ignore_orientation'
