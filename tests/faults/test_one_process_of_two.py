"""An error in one process of two ends both, in each job; the job goes on alone."""

import copy
import shutil
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from mmseg_labelfree.engine.jobs import (
    PseudoLabelJob,
    RobustBackgroundSaliency,
    entropy_ranking_job,
    run_job,
)
from mmseg_labelfree.engine.jobs.novel_regions import NovelRegionFinder
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.segmentors import DiscriminativeClusteringSegmentor
from mmseg_labelfree.utils.distributed import prepare_cpu_processes

pytestmark = pytest.mark.slow
ranks = pytest.mark.parametrize('rank', [0, 1])


def run_and_fail(cfg, stage, rank, owner, name):
    """Run a stage, or a job, whose work fails in one process."""
    work = getattr(owner, name)

    def failing(*args, **kwargs):
        if dist.get_rank() == rank:
            raise OSError(f'the disk of {rank} is gone')
        return work(*args, **kwargs)

    setattr(owner, name, failing)
    torch.set_num_threads(1)
    if stage is not None:
        return ProtocolRunner(cfg, resume=True).run(stage)
    cfg.launcher = 'pytorch'
    prepare_cpu_processes(cfg)
    return run_job(cfg)


def assert_both_ended(errors, rank):
    assert isinstance(errors[rank], OSError), errors
    assert isinstance(errors[1 - rank], RuntimeError), errors
    assert f'process {rank} failed with OSError' in str(errors[1 - rank])


@pytest.fixture
def ready(novel, monkeypatch):
    monkeypatch.setattr(entropy_ranking_job, 'CHUNK', 8)
    for stage in ('base', 'clustering', 'basic'):
        ProtocolRunner(novel).run(stage)
    return novel


@ranks
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
    for stage in ('clustering', 'basic'):  # which is built on the first
        shutil.rmtree(work / stage)
    for stage, (owner, name) in jobs.items():
        errors = in_two_processes(run_and_fail, ready, stage, rank, owner, name)
        assert isinstance(errors[rank], OSError)
        assert isinstance(errors[1 - rank], RuntimeError)
        if stage == 'clustering':  # ranking is one collective: the connection breaks
            assert_both_ended(errors, rank)
        assert not (work / stage / 'finished.json').exists()
        finished = ProtocolRunner(ready, resume=True).run(stage)
        if stage == 'clustering':
            ProtocolRunner(ready, resume=True).run('basic')
    assert finished['ranking']['metrics'] == expected


@ranks
def test_pseudo_labels(rank, strict, in_two_processes):
    strict.protocol.update(mode='offline', rounds=1)
    ProtocolRunner(strict).run('spnet')
    failure = 'labels_1', rank, PseudoLabelJob, 'label_image'
    assert_both_ended(in_two_processes(run_and_fail, strict, *failure), rank)
    folder = Path(strict.work_dir) / 'labels_1'
    assert not (folder / 'finished.json').exists()
    assert len([*folder.glob('labels/*.png')]) == 12  # those of the other process
    finished = ProtocolRunner(strict, resume=True).run('labels_1')
    assert finished['labels_1']['metrics']['pseudo_share'] >= 0
    assert len([*folder.glob('labels/*.png')]) == 24


@ranks
def test_saliency(rank, tiny, in_two_processes):
    dataset = dict(tiny.train_dataloader.dataset, indices=6)
    source = dict(type='RobustBackgroundSaliency', num_superpixels=40)
    tiny.job = dict(type='SaliencyJob', dataset=dataset, source=source, num_threads=2)
    failure = None, rank, RobustBackgroundSaliency, 'saliency'
    assert_both_ended(in_two_processes(run_and_fail, tiny, *failure), rank)
    maps = Path(tiny.work_dir) / 'saliency'
    assert len([*maps.glob('*.png')]) == 3
    assert run_job(tiny) == dict(images=6)
    assert len([*maps.glob('*.png')]) == 6


@ranks
def test_kmeans(rank, iddc, in_two_processes):
    iddc.job = dict(type='KMeansJob', num_images=8, per_image=8)
    failure = None, rank, DiscriminativeClusteringSegmentor, 'extract_feat'
    assert_both_ended(in_two_processes(run_and_fail, iddc, *failure), rank)
    assert not [*Path(iddc.work_dir).glob('*.pth')]
    assert run_job(iddc)['aAcc'] > 0
