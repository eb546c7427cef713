import copy
import shutil
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_labelfree.ops.collectives import average_over_processes_
from mmseg_labelfree.utils.distributed import bare_model, prepare_cpu_processes


def _averages(own):
    values = [torch.full((2, 2), float(own[dist.get_rank()])), torch.tensor([0.1])]
    average_over_processes_(values)
    return values[0].unique().tolist(), values[1].item()


def test_means_over_processes(in_two_processes):
    tenth = torch.tensor(0.1).item()
    assert in_two_processes(_averages, (1, 4)) == [([2.5], tenth)] * 2
    values = [torch.tensor([3.0])]
    average_over_processes_(values)  # of one process
    assert values[0] == 3


def _all_classes(cfg):
    """Let scores tell statistics apart: all classes are predicted from the start."""
    override = dict(type='Normal', name='conv_seg', std=1.0)
    cfg.model.decode_head.init_cfg = dict(type='Normal', std=0.1, override=override)
    for part in (cfg.model.backbone, cfg.model.decode_head):
        part.norm_cfg.momentum = 0.9  # statistics of the last images


def _runner(cfg, name, **settings):
    cfg = copy.deepcopy(cfg)
    cfg.merge_from_dict(dict(settings, launcher='pytorch', experiment_name=name))
    prepare_cpu_processes(cfg)
    return Runner.from_cfg(cfg)


def _train_resume_test(cfg):
    rank = dist.get_rank()
    whole = _runner(cfg, 'whole')
    whole.train()
    scores = whole.val_loop.run()
    cut = Path(cfg.work_dir) / 'cut'
    if rank == 0:
        cut.mkdir()
        shutil.copy(f'{cfg.work_dir}/iter_2.pth', cut)
        (cut / 'last_checkpoint').write_text(str(cut / 'iter_2.pth'))
    dist.barrier()
    resumed = _runner(cfg, 'resumed', work_dir=str(cut), resume=True)
    resumed.train()
    models = [bare_model(r.model) for r in (whole, resumed)]
    expected, found = (
        {**m.state_dict(), **{f't.{k}': v for k, v in m.teacher.state_dict().items()}}
        for m in models
    )
    differing = [k for k, v in expected.items() if not torch.equal(v, found[k])]
    mine = (
        expected['backbone.stem.1.running_var'],
        expected['t.decode_head.convs.0.bn.running_mean'],
    )
    sums = [[v.double().sum().item() for v in mine]] * 2
    dist.all_gather_object(sums, sums[rank])
    checkpoint = f'{cfg.work_dir}/iter_4.pth'
    tested = _runner(cfg, 'tested', load_from=checkpoint).val()
    return differing, sums[0] == sums[1], scores == tested


@pytest.mark.slow
@pytest.mark.parametrize('buffers', ['copy', 'ema', 'own'])
def test_two_processes_have_one_model_its_score_and_resume_exactly(
    semi, in_two_processes, buffers
):
    """Student and teacher with plain batch norm, channels last, own images."""
    _all_classes(semi)
    if buffers == 'own':
        semi.model.teacher_mode = 'train'
    semi.custom_hooks[-1].buffers = buffers
    semi.custom_hooks.append(dict(type='ChannelsLastHook'))
    semi.custom_hooks.append(dict(type='NormStatisticsHook'))
    semi.default_hooks.checkpoint.max_keep_ckpts = 2
    semi.train_dataloader.batch_size = 2
    semi.train_dataloader.sampler.source_counts = dict(labeled=1, unlabeled=1)
    semi.train_cfg.update(max_iters=4, val_interval=4)
    semi.val_cfg.type = 'TeacherStudentValLoop'
    for result in in_two_processes(_train_resume_test, semi):
        assert result == ([], True, True)


class Scores(Hook):
    """Keeps what is printed."""

    def after_val_epoch(self, runner, metrics=None):
        self.metrics = dict(metrics)


def _train(cfg):
    runner, scores = _runner(cfg, 'trained'), Scores()
    runner.register_hook(scores)
    runner.train()
    return scores.metrics


@pytest.mark.slow
@pytest.mark.parametrize('averaged', [True, False])
def test_a_score_is_that_of_its_checkpoint(semi, in_two_processes, averaged):
    """One process tests what two have trained, with other images in each."""
    _all_classes(semi)
    if averaged:
        semi.custom_hooks.append(dict(type='NormStatisticsHook'))
    semi.train_dataloader.batch_size = 2
    semi.train_dataloader.sampler.source_counts = dict(labeled=1, unlabeled=1)
    semi.train_cfg.update(max_iters=4, val_interval=4)
    semi.val_cfg.type = 'TeacherStudentValLoop'
    first, second = in_two_processes(_train, semi)
    semi.load_from = f'{semi.work_dir}/iter_4.pth'
    semi.experiment_name = 'tested'
    tested = Runner.from_cfg(semi).val()
    assert first == second
    assert (first == tested) == averaged, (first, tested)
