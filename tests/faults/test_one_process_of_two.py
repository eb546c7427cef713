"""An error in one process of two ends both, in each job."""

import copy
import shutil
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from mmseg_labelfree.engine.jobs import entropy_ranking_job
from mmseg_labelfree.engine.jobs.novel_regions import NovelRegionFinder
from mmseg_labelfree.engine.protocols import ProtocolRunner

pytestmark = pytest.mark.slow


def run_and_fail(cfg, stage, rank, owner, name):
    """Run a stage whose work fails in one process after its first call."""
    work, calls = getattr(owner, name), []

    def failing(*args, **kwargs):
        calls.append(1)
        if dist.get_rank() == rank:
            raise OSError(f'the disk of {rank} is gone')
        return work(*args, **kwargs)

    setattr(owner, name, failing)
    torch.set_num_threads(1)
    return ProtocolRunner(cfg, resume=True).run(stage)


@pytest.fixture
def ready(novel, monkeypatch):
    monkeypatch.setattr(entropy_ranking_job, 'CHUNK', 8)
    for stage in ('base', 'clustering', 'basic'):
        ProtocolRunner(novel).run(stage)
    return novel


@pytest.mark.parametrize('rank', [0, 1])
def test_clustering_and_ranking(rank, ready, in_two_processes):
    jobs = {
        'clustering': (NovelRegionFinder, 'find'),
        'ranking': (entropy_ranking_job, 'score_images'),
    }
    work = Path(ready.work_dir)
    whole = copy.deepcopy(ready)
    whole.work_dir = f'{work}_whole'
    shutil.copytree(work, whole.work_dir)
    expected = ProtocolRunner(whole, resume=True).run('ranking')['ranking']['metrics']
    shutil.rmtree(work / 'clustering')
    for stage, (owner, name) in jobs.items():
        errors = in_two_processes(run_and_fail, ready, stage, rank, owner, name)
        assert isinstance(errors[rank], OSError)
        assert isinstance(errors[1 - rank], RuntimeError)
        if stage == 'clustering':  # ranking is one collective: the connection breaks
            assert f'process {rank} failed with OSError' in str(errors[1 - rank])
        assert not (work / stage / 'finished.json').exists()
        finished = ProtocolRunner(ready, resume=True).run(stage)
    assert finished['ranking']['metrics'] == expected
