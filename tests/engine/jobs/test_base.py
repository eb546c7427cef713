"""Stages that run a job in place of a training."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from mmseg_labelfree.engine.jobs import Job, run_job
from mmseg_labelfree.engine.protocols import (
    ClassIncrementalProtocol,
    ProtocolRunner,
    Stage,
)
from mmseg_labelfree.engine.protocols.progress import ProgressHook
from mmseg_labelfree.utils.files import write_text


@pytest.fixture
def with_job():
    """A protocol that counts images after its first step."""

    @TASK_UTILS.register_module()
    class CountImages(Job):
        def __init__(self, factor):
            self.factor = factor

        def run(self, cfg):
            lines = Path(cfg.train_dataloader.dataset.dataset.data_root)
            lines = (lines / 'ImageSets/Segmentation/train.txt').read_text().split()
            write_text(Path(cfg.work_dir) / 'count.txt', f'{len(lines)}\n')
            return dict(images=self.factor * len(lines))

    @TASK_UTILS.register_module()
    class CountingProtocol(ClassIncrementalProtocol):
        def stages(self, cfg):
            first, second, _ = super().stages(cfg)
            job = self.stage_config(cfg, 'count')
            job.job = dict(type='CountImages', factor=2)
            return [first, Stage('count', job, 'count images'), second]

    yield 'CountingProtocol'
    TASK_UTILS.module_dict.pop('CountImages')
    TASK_UTILS.module_dict.pop('CountingProtocol')


def test_a_job_is_a_stage_like_others(boxes_config, with_job):
    boxes_config.protocol.type = with_job
    runner = ProtocolRunner(boxes_config)
    hook = ProgressHook(runner.stages, first=0)
    assert hook.lengths == [6, 0, 6]
    finished = runner.run()
    assert list(finished) == ['step_0', 'count', 'step_1']
    assert finished['count']['metrics'] == {'images': 48.0}
    work_dir = Path(boxes_config.work_dir)
    assert (work_dir / 'count' / 'count.txt').read_text() == '24\n'
    assert '| count | - | - |' in (work_dir / 'results.md').read_text()
    assert Config.fromfile(work_dir / 'count' / 'config.py').job.factor == 2
    marker = work_dir / 'count' / 'finished.json'
    before = marker.stat().st_mtime_ns
    ProtocolRunner(boxes_config, resume=True).run()
    assert marker.stat().st_mtime_ns == before, 'a finished job was run again'


def test_a_job_that_failed_runs_again(boxes_config, with_job):
    boxes_config.protocol.type = with_job
    runner = ProtocolRunner(boxes_config)
    runner.run('step_0')
    ProtocolRunner(boxes_config, resume=True).run('count')
    marker = Path(boxes_config.work_dir) / 'count' / 'finished.json'
    content = json.loads(marker.read_text())
    marker.unlink()  # as if it had been killed before the end
    ProtocolRunner(boxes_config, resume=True).run('count')
    again = json.loads(marker.read_text())
    assert again['metrics'] == content['metrics']


def test_the_config_of_a_job_runs_alone(boxes_config, with_job):
    boxes_config.protocol.type = with_job
    stage = ProtocolRunner(boxes_config).stage('count')
    Path(stage.cfg.work_dir).mkdir(parents=True)
    assert run_job(stage.cfg) == {'images': 48.0}
