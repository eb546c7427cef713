import copy
import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.apis import init_model
from mmseg.registry import HOOKS
from PIL import Image

from mmseg_labelfree.engine.hooks import IterationSeedHook
from mmseg_labelfree.engine.jobs import entropy_ranking_job
from mmseg_labelfree.engine.jobs.novel_regions import NovelRegionFinder
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.engine.protocols.novel_class_discovery import (
    NovelClassDiscoveryProtocol,
)
from mmseg_labelfree.utils.checkpoint import load_checkpoint, load_weights

CLASSES = ('background', 'square', 'bar', 'dot', 'frame')
STAGES = ['base', 'clustering', 'basic', 'ranking', 'eums']


def stages_of(cfg, **settings):
    cfg = copy.deepcopy(cfg)
    cfg.protocol.update(settings)
    return ProtocolRunner(cfg).stages


def test_rows_of_the_ablation(novel):
    stages = stages_of(novel)
    assert [s.name for s in stages] == STAGES
    assert [s.is_job for s in stages] == [False, True, False, True, False]
    base, clustering, basic, ranking, eums = (s.cfg for s in stages)
    assert base.model.decode_head.num_classes == 4
    assert basic.model.decode_head.num_classes == 6
    for stage in (base, basic):
        assert stage.model.unlabeled_sources == []
    assert eums.model.unlabeled_sources == ['unclean']
    counts = basic.train_dataloader.sampler.source_counts
    assert counts == dict(base=2, clean=2, unclean=0)
    assert eums.train_dataloader.batch_size == 6
    assert [h.type for h in eums.custom_hooks] == [
        'IterationSeedHook',
        'SamplerStateHook',
        'ClusterNamesHook',
        'EMATeacherHook',
        'DynamicReassignmentHook',
    ]
    assert clustering.job.checkpoint == base.work_dir
    assert ranking.job.checkpoint == basic.work_dir and ranking.job.keep == 0.67
    for kind, key in (('val', 'save_matching'), ('test', 'matching_file')):
        metric = eums[f'{kind}_evaluator']
        assert metric[key] == f'{eums.work_dir}/matching.json'
        assert metric.matching == 'majority' and metric.num_old_classes == 4

    exact = stages_of(novel, num_clusters=None, entropy_ranking=None, reassignment=None)
    assert [s.name for s in exact] == STAGES[:3]
    assert exact[1].cfg.job.num_clusters == 1
    assert exact[2].cfg.val_evaluator.matching == 'hungarian'
    last = stages_of(novel, self_training=False)[-1].cfg
    assert last.train_dataloader.batch_size == 4 and not last.model.unlabeled_sources
    assert [d.source for d in last.train_dataloader.dataset.datasets] == [
        'base',
        'clean',
    ]
    assert [h.type for h in last.custom_hooks][3:] == ['DynamicReassignmentHook']
    last = stages_of(novel, reassignment=None)[-1].cfg
    assert [h.type for h in last.custom_hooks][3:] == ['EMATeacherHook']


def test_rows_share_stages(novel):
    reuse = dict(clustering='x/clustering', basic='x/basic')
    stages = stages_of(novel, reuse=reuse)
    assert [s.name for s in stages] == ['ranking', 'eums']
    assert stages[0].cfg.job.checkpoint == 'x/basic'
    parts = stages[1].cfg.train_dataloader.dataset.datasets
    assert parts[1].labels == 'x/clustering/labels'
    assert parts[1].image_list == f'{novel.work_dir}/ranking/clean.txt'
    stages = stages_of(novel, from_base=True, reuse=dict(reuse, base='y'))
    hooks = {h.type: h for h in stages[1].cfg.custom_hooks}
    assert hooks['IncrementalClassifierInitHook'].checkpoint == 'y'
    names = [s.name for s in stages_of(novel, from_base=True, reuse=reuse)]
    assert names == ['base', 'ranking', 'eums']
    reuse = dict(clustering='x/clustering', ranking='x/ranking')
    stages = stages_of(novel, from_basic=True, reuse=reuse)
    assert [s.name for s in stages] == ['basic', 'eums']
    starts = [
        [h.checkpoint for h in s.cfg.custom_hooks if 'checkpoint' in h] for s in stages
    ]
    assert starts == [[], [stages[0].cfg.work_dir]]


def test_best_checkpoints_are_handed_on(novel):
    stages = {s.name: s for s in stages_of(novel, hand_on='best', from_basic=True)}
    for name, metric in (('base', 'base'), ('basic', 'novel'), ('eums', 'novel')):
        saving = stages[name].cfg.default_hooks.checkpoint
        assert (saving.save_best, saving.rule) == (f'mIoU/{metric}', 'greater')
        assert stages[name].best
        assert stages[name].result == f'{novel.work_dir}/{name}/best_*.pth'
    assert stages['clustering'].cfg.job.checkpoint == stages['base'].result
    assert stages['ranking'].cfg.job.checkpoint == stages['basic'].result
    hooks = {h.type: h for h in stages['eums'].cfg.custom_hooks}
    start = hooks['IncrementalClassifierInitHook'].checkpoint
    assert start == stages['basic'].result
    # What another run has handed on is its own choice.
    reused = stages_of(novel, hand_on='best', reuse=dict(base='x/base'))
    assert reused[0].cfg.job.checkpoint == 'x/base'
    hand_on = dict(base='last', basic='best')
    stages = {s.name: s for s in stages_of(novel, hand_on=hand_on)}
    assert [stages[n].best for n in ('base', 'basic', 'eums')] == [False, True, False]
    assert 'save_best' not in stages['base'].cfg.default_hooks.checkpoint
    assert stages['clustering'].cfg.job.checkpoint == stages['base'].cfg.work_dir
    with pytest.raises(ValueError, match="hand_on.base='first' is unknown"):
        stages_of(novel, hand_on=dict(base='first'))
    with pytest.raises(ValueError, match="stage of hand_on='ranking' is unknown"):
        stages_of(novel, hand_on=dict(ranking='best'))


@HOOKS.register_module()
class ForgetfulHook(Hook):
    """Ends what was learned: from the third iteration on all is background."""

    @torch.no_grad()
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx >= 2:
            head = runner.model.decode_head.conv_seg
            head.weight.zero_()
            head.bias.zero_()[0] += 1


@pytest.mark.slow
def test_the_best_checkpoint_is_clustered_scored_and_tested(novel, run_tool, tmp_path):
    novel.train_cfg.val_interval = 2
    novel.protocol.update(hand_on='best', entropy_ranking=None, reassignment=None)
    novel.custom_hooks.append(dict(type='ForgetfulHook'))
    ProtocolRunner(novel).run('base')
    folder = Path(novel.work_dir) / 'base'
    best = 'best_mIoU_base_iter_2.pth'
    assert {p.name for p in folder.glob('*.pth')} == {'iter_6.pth', best}
    # Resumed at its end, for instance after a kill before it was marked as finished.
    marker = folder / 'finished.json'
    first = json.loads(marker.read_text())
    marker.unlink()
    with pytest.raises(FileNotFoundError, match='base is not finished'):
        ProtocolRunner(novel, resume=True).run('clustering')
    finished = ProtocolRunner(novel, resume=True).run('base')['base']
    assert finished['checkpoint'] == first['checkpoint'] == best
    assert finished['metrics'] == first['metrics']
    assert load_weights(folder / best)[0]['decode_head.conv_seg.weight'].any()
    ProtocolRunner(novel, resume=True).run('clustering')
    settings = json.loads(
        (folder.parent / 'clustering/regions/settings.json').read_text()
    )
    assert settings['checkpoint'].startswith(f'{best} ')

    finished = ProtocolRunner(novel, resume=True).run('basic')['basic']
    assert finished['checkpoint'] == 'best_mIoU_novel_iter_2.pth'
    (tmp_path / 'config.py').write_text(novel.pretty_text)
    for config in (tmp_path / 'config.py', f'{novel.work_dir}/basic/config.py'):
        done = run_tool('test.py', config)
        assert finished['checkpoint'] in done.stdout


def test_settings_that_do_not_fit(novel):
    with pytest.raises(ValueError, match='set entropy_ranking, or reassignment=None'):
        stages_of(novel, entropy_ranking=None)
    with pytest.raises(ValueError, match=r"reuse names \['first'\], but the stages"):
        stages_of(novel, reuse=dict(first='x'))
    nowhere = dict(type='SaliencyFolder', folder=f'{novel.work_dir}/maps')
    missing = copy.deepcopy(novel)
    missing.protocol.clustering.saliency = nowhere
    with pytest.raises(FileNotFoundError, match='no folder of saliency maps .*/maps'):
        ProtocolRunner(missing).run()
    assert not Path(novel.work_dir, 'base').exists()  # before anything trains
    novel.pop('plain_pipeline')
    with pytest.raises(ValueError, match='has no plain_pipeline'):
        stages_of(novel)
    inner = novel.val_dataloader.dataset.dataset
    novel.val_dataloader.dataset = inner
    with pytest.raises(ValueError, match='needs val_dataloader.dataset=dict'):
        stages_of(novel)
    assert NovelClassDiscoveryProtocol.columns['novel'] == 'mIoU/novel'


def run_until(place, cfg, resume):
    """Run the protocol and die at a place: an image, or a stage and an iteration."""
    torch.set_num_threads(1)

    def watch(owner, name, place_of):
        original = getattr(owner, name)

        def watched(*args, **kwargs):
            if place_of(*args) == place:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        setattr(owner, name, watched)

    watch(
        IterationSeedHook,
        'before_train_iter',
        lambda hook, runner, *_: (Path(runner.work_dir).name, runner.iter),
    )
    watch(NovelRegionFinder, 'find', lambda finder, image, sample, name: name)
    watch(
        entropy_ranking_job,
        'score_images',
        lambda model, dataset, indices, *_: ('ranking', indices[0]),
    )
    ProtocolRunner(cfg, resume=resume).run()


def results(cfg):
    content = json.loads((Path(cfg.work_dir) / 'results.json').read_text())
    return {name: stage['metrics'] for name, stage in content['stages'].items()}


@pytest.mark.slow
def test_killed_in_each_stage_it_ends_as_if_it_was_not(novel, monkeypatch):
    monkeypatch.setattr(entropy_ranking_job, 'CHUNK', 4)
    novel.protocol.from_basic = True
    ProtocolRunner(novel).run()
    whole = results(novel)
    assert list(whole) == STAGES
    assert {'mIoU/base', 'mIoU/novel', 'mIoU/all', 'IoU/frame'} < set(whole['eums'])
    work_dir = Path(novel.work_dir)
    clean, unclean = (
        (work_dir / f'ranking/{part}.txt').read_text().split()
        for part in ('clean', 'unclean')
    )
    kept = (work_dir / 'clustering/images.txt').read_text().split()
    assert sorted(clean + unclean) == sorted(kept)
    assert len(clean) == int(0.67 * len(kept)) == whole['ranking']['clean']
    table = (work_dir / 'ranking/ranking.csv').read_text().splitlines()
    assert {line.split(',')[0] for line in table[1 : 1 + len(clean)]} == set(clean)
    for picture in ('ranking', 'extremes'):
        assert (work_dir / f'ranking/{picture}.png').stat().st_size > 1000
    assert 0 < whole['clustering']['purity'] <= 100  # against the masks

    cut = copy.deepcopy(novel)
    cut.work_dir += '_cut'
    places = [
        ('base', 3),
        kept[4],
        ('basic', 5),
        ('ranking', 4),
        ('eums', 2),
        ('eums', 5),
    ]
    # Forked, so that the processes need not import everything again.
    fork = multiprocessing.get_context('fork')
    for place in places:
        process = fork.Process(target=run_until, args=(place, cut, place != places[0]))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    ProtocolRunner(cut, resume=True).run()
    assert results(cut) == whole
    for stage in ('base', 'basic', 'eums'):
        expected = load_checkpoint(work_dir / stage)[0]
        found = load_checkpoint(f'{cut.work_dir}/{stage}')[0]
        for key, value in expected['state_dict'].items():
            assert torch.equal(value, found['state_dict'][key])
    for entry in ('dynamic_reassignment', 'multi_source_sampler'):
        assert expected[entry] == found[entry]
    for key, value in expected['ema_teacher']['state_dict'].items():
        assert torch.equal(value, found['ema_teacher']['state_dict'][key])

    # a stage is a plain config, its checkpoint one of a stock segmentor, and a later
    # test takes the matching of the validation
    stage = Config.fromfile(f'{work_dir}/eums/config.py')
    stage.work_dir = f'{work_dir}/test'
    stage.load_from = load_weights(work_dir / 'eums')[2]
    stage.experiment_name = 'test'
    (work_dir / 'eums/matching.json').write_text(
        json.dumps(dict(num_old_classes=4, classes=[None, None]))
    )
    tested = Runner.from_cfg(stage).test()
    assert tested['mIoU/novel'] == 0
    stage.model.type = 'EncoderDecoder'
    for name in ('unlabeled_sources', 'ramp_up', 'ramp_by_epoch'):
        stage.model.pop(name)
    stage.pop('custom_imports')
    model = init_model(stage, stage.load_from, device='cpu')
    assert model.num_classes == 6
    assert model.dataset_meta['classes'][:4] == CLASSES[:4]


@pytest.mark.slow
def test_two_processes_go_through_all_stages_like_one(
    novel, tmp_path, train_in_two_processes
):
    novel.protocol.update(from_basic=True, hand_on='best')
    # Each process draws colors of its own.
    novel.model.strong_view = dict(jitter_prob=0.0, grayscale_prob=0.0, blur_prob=0.0)
    path = tmp_path / 'config.py'
    path.write_text(novel.pretty_text)
    ProtocolRunner(Config.fromfile(path)).run()
    one, two = Path(novel.work_dir), tmp_path / 'two'
    novel.train_dataloader.batch_size = 2
    novel.protocol.source_counts = dict(base=1, clean=1, unclean=1)
    path.write_text(novel.pretty_text)
    train_in_two_processes(path, two)
    for name in ('clustering/images', 'ranking/clean', 'ranking/unclean'):
        lists = [(folder / f'{name}.txt').read_text() for folder in (one, two)]
        assert lists[0] == lists[1]
    for path in (one / 'clustering/labels').iterdir():
        other = np.asarray(Image.open(two / 'clustering/labels' / path.name))
        assert np.array_equal(np.asarray(Image.open(path)), other)
    for stage in ('base', 'basic', 'eums'):
        markers = [
            json.loads((d / stage / 'finished.json').read_text()) for d in (one, two)
        ]
        assert {m['checkpoint'].partition('_')[0] for m in markers} == {'best'}
        expected = load_weights(one / stage)[0]
        for key, value in load_weights(two / stage)[0].items():
            torch.testing.assert_close(value, expected[key], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_epochs_instead_of_iterations(novel):
    """Base and EUMS in epochs, from finished clusters: the same protocol."""
    labels = Path(novel.work_dir) / 'given/labels'
    labels.mkdir(parents=True)
    names = []
    root = Path(novel.train_dataloader.dataset.dataset.data_root)
    for path in sorted((root / 'SegmentationClass').glob('train*.png')):
        mask = np.asarray(Image.open(path))
        if 4 in mask:
            Image.fromarray(mask).save(labels / path.name)
            names.append(path.stem)
    for file, chosen in (
        ('images', names),
        ('clean', names[::2]),
        ('unclean', names[1::2]),
    ):
        (labels.parent / f'{file}.txt').write_text('\n'.join(chosen) + '\n')
    novel.protocol.update(
        reuse={s: str(labels.parent) for s in STAGES[:4]},
        reassignment=dict(begin=1, by_epoch=True),
        fine_tuning=dict(
            train_cfg=dict(
                _delete_=True, type='EpochBasedTrainLoop', max_epochs=2, val_interval=2
            ),
            param_scheduler=[dict(type='MultiStepLR', milestones=[1], by_epoch=True)],
            default_hooks=dict(checkpoint=dict(by_epoch=True, interval=1)),
            log_processor=dict(by_epoch=True),
        ),
    )
    novel.protocol.fine_tuning.auto_scale_lr = dict(enable=False, base_batch_size=1)
    novel.model.update(ramp_up=1, ramp_by_epoch=True)
    runner = ProtocolRunner(novel)
    assert runner.stages[0].cfg.auto_scale_lr.base_batch_size == 6
    finished = runner.run()
    assert list(finished) == ['eums'] and finished['eums']['iterations'] % 2 == 0
    length = finished['eums']['iterations'] // 2
    assert length == len(names[1::2]) // 2  # the shortest source
    decision = load_checkpoint(f'{novel.work_dir}/eums')[0]['dynamic_reassignment']
    assert decision['iteration'] == length
    assert sum(decision['kept']) == len(names[::2]) // 2
