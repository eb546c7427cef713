"""``tools/test.py`` with test-time augmentation, with a dense CRF, and with both."""

import os
import re
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


def run_tool(*args, cwd, launcher=(), env=ENV):
    command = [sys.executable, *launcher, str(ROOT / 'tools/test.py'), *map(str, args)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)


def reported(done):
    """The metrics of the tool's last line."""
    assert done.returncode == 0, done.stderr
    output = done.stdout + done.stderr
    (line,) = re.findall(r'Iter\(test\).* (aAcc: .*mIoU/all.*)', output)
    pairs = re.findall(r'(\S+): (-?[\d.]+|nan)', line)
    return {k: float(v) for k, v in pairs if 'time' not in k}


@pytest.mark.slow
def test_tool_on_a_stage_in_two_processes(with_options, tmp_path):
    """Five images over two processes: one of them is there twice, and counts once."""
    with_options.test_dataloader.dataset.dataset.indices = 5
    with_options.test_dataloader.dataset.future = 'background'
    path = tmp_path / 'trained.py'
    train_first_stage(with_options, path)
    masks = {name: tmp_path / name for name in ('tool', 'same', 'plain')}
    done = run_tool(
        path,
        '--stage',
        'step_0',
        '--tta',
        '--crf',
        '--out',
        masks['tool'],
        '--launcher',
        'pytorch',
        cwd=tmp_path,
        launcher=['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2'],
    )
    result = reported(done)
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


@pytest.mark.slow
def test_without_pydensecrf(incremental, tmp_path):
    """A finder that refuses the module stands for an environment without it."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import sys\n'
        'class Refuse:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        "        if name.partition('.')[0] == 'pydensecrf':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        'sys.meta_path.insert(0, Refuse())\n'
    )
    env = ENV | dict(PYTHONPATH=f'{tmp_path}{os.pathsep}{ROOT}')
    done = run_tool(
        incremental.filename, '--stage', 'step_0', '--crf', env=env, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: the dense CRF needs pydensecrf2 (No module named 'pydensecrf'); "
        'run `pip install "mmseg_labelfree[crf]"` or, in the checkout, '
        '`pip install -e ".[crf]"`'
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


def test_messages(incremental):
    with pytest.raises(ValueError, match='no tta_model and no tta_pipeline: test-time'):
        use_tta(incremental)
    incremental.tta_model = dict(type='SegTTAModel')
    with pytest.raises(ValueError, match='tiny.py has no tta_pipeline: .*TTAModel'):
        use_tta(incremental)
    incremental.tta_pipeline = tta_pipeline()
    use_tta(incremental)
    with pytest.raises(ValueError, match='SegTTAModel leaves the scores of the last'):
        use_dense_crf(incremental)


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
