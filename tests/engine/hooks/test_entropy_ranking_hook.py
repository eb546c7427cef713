import copy
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, HOOKS, TASK_UTILS
from PIL import Image

from mmseg_labelfree.engine.hooks import DynamicReassignmentHook, EntropyRankingHook
from mmseg_labelfree.engine.jobs import EntropyRankingJob, run_job
from mmseg_labelfree.engine.jobs.image_entropy import score_images
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import load_checkpoint


@pytest.fixture
def eums(novel, boxes_root):
    """The last stage over cluster labels that are the masks of the novel class."""
    folder = Path(novel.work_dir) / 'given'
    (folder / 'labels').mkdir(parents=True)
    names = []
    for path in sorted((boxes_root / 'SegmentationClass').glob('train*.png')):
        mask = np.asarray(Image.open(path))
        if 4 in mask:
            names.append(path.stem)
            if len(names) == 3:  # an image without a novel pixel
                mask = np.zeros_like(mask)
            Image.fromarray(mask).save(folder / 'labels' / path.name)
    for file, chosen in (
        ('images', names),
        ('clean', names[:-2]),
        ('unclean', names[-2:]),
    ):
        (folder / f'{file}.txt').write_text('\n'.join(chosen) + '\n')
    reuse = {s: str(folder) for s in ('clustering', 'basic', 'ranking')}
    novel.protocol.update(reuse=reuse, self_training=False)
    (stage,) = ProtocolRunner(novel).stages
    stage.cfg.val_cfg = stage.cfg.val_dataloader = stage.cfg.val_evaluator = None
    return stage.cfg


def run(cfg, name, *hooks, **changes):
    cfg = copy.deepcopy(cfg)
    cfg.update(changes)
    cfg.experiment_name = name
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook, priority='LOW')
    runner.train()
    return runner


def slow_scores(model, dataset, num_old_classes):
    """Eq. 6 and 7, one image after the other."""
    values = []
    for i in range(len(dataset)):
        sample = dataset[i]
        labels = sample['data_samples'].gt_sem_seg.data[0]
        data = model.data_preprocessor(
            dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        )
        with torch.no_grad():
            logits = model.eval()(data['inputs'], mode='tensor')
        logits = F.interpolate(logits, labels.shape, mode='bilinear')[0].double()
        p = logits.softmax(0)
        entropy = -(p * p.log()).sum(0) / np.log(len(p))
        inside = (labels >= num_old_classes) & (labels < 255)
        values.append(entropy[inside].mean().item() if inside.any() else np.nan)
    return np.array(values)


class Record(Hook):
    """Keeps the source and the image of each sample of each batch."""

    def __init__(self):
        self.batches = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.batches.append(
            [(s.metainfo['source'], s.img_path) for s in data_batch['data_samples']]
        )


def decision_of(runner, entry='dynamic_reassignment'):
    return load_checkpoint(runner.work_dir)[0][entry]


def test_student_reassigns_half_of_the_clean_images(eums):
    record = Record()
    hook = next(h for h in eums.custom_hooks if h.type == 'DynamicReassignmentHook')
    moments = []

    class Before(Hook):
        """The student's scores, just before the hook decides."""

        def after_train_iter(self, runner, *args, **kwargs):
            if runner.iter == hook.begin - 1:
                dataset = DATASETS.build(hook.dataset)
                moments.append(slow_scores(runner.model, dataset, 4))
                moments.append(dataset.image_names)
                runner.model.train()

    before = Before()
    before.priority = 'HIGH'
    runner = run(eums, 'half', record, before)
    decision = decision_of(runner)
    scores = dict(zip(moments[1], moments[0], strict=True))
    found = dict(zip(decision['images'], decision['entropies'], strict=True))
    clean = (Path(eums.work_dir).parent / 'given/clean.txt').read_text().split()
    assert sorted(found) == sorted(clean)
    np.testing.assert_allclose(
        [found[n] for n in clean], [scores[n] for n in clean], rtol=1e-4
    )
    ranked = sorted(
        (n for n in clean if not np.isnan(scores[n])), key=lambda n: scores[n]
    )
    assert len(ranked) == len(clean) - 1
    kept = {n for n, k in zip(decision['images'], decision['kept'], strict=True) if k}
    assert kept == set(ranked[: len(ranked) // 2])
    assert decision['iteration'] == 3 and decision['keep'] == 0.5
    assert decision['threshold'] == pytest.approx(scores[ranked[len(kept) - 1]], 1e-4)
    # drawn from then on: nothing but what was kept
    later = {
        Path(path).stem
        for batch in record.batches[3:]
        for s, path in batch
        if s == 'clean'
    }
    assert later <= kept
    sampler = runner.train_dataloader.sampler
    assert len(sampler.indices('unclean')) == len(clean) - len(kept)
    lines = (Path(runner.work_dir) / 'dynamic_reassignment.csv').read_text().split('\n')
    assert lines[0] == 'image,entropy,decision' and len(lines) == len(clean) + 2
    assert lines[-2].endswith(',no novel pixel,unclean')
    assert sum(line.endswith(',clean') for line in lines) == len(kept)
    assert (Path(runner.work_dir) / 'dynamic_reassignment.png').is_file()


@pytest.mark.slow
def test_ranking_at_the_start_by_another_model(eums, tmp_path):
    """EntropyRankingHook with a checkpoint, in a config that has no such stage."""
    first = run(
        eums,
        'first',
        custom_hooks=eums.custom_hooks[:-1],
        work_dir=str(tmp_path / 'first'),
    )
    dataset = eums.custom_hooks[-1].dataset
    hook = dict(
        type='EntropyRankingHook',
        dataset=dataset,
        num_old_classes=4,
        checkpoint=str(tmp_path / 'first'),
    )
    record = Record()
    runner = run(eums, 'second', record, custom_hooks=[*eums.custom_hooks[:-1], hook])
    decision = decision_of(runner, 'entropy_ranking')
    built = DATASETS.build(dataset)
    scores = dict(
        zip(built.image_names, slow_scores(first.model, built, 4), strict=True)
    )
    names = decision['images']
    np.testing.assert_allclose(
        decision['entropies'], [scores[n] for n in names], rtol=1e-4
    )
    assert sum(decision['kept']) == int(0.67 * (len(names) - 1))
    assert decision['iteration'] == 0
    kept = {n for n, k in zip(names, decision['kept'], strict=True) if k}
    drawn = {Path(p).stem for b in record.batches for s, p in b if s == 'clean'}
    assert drawn <= kept
    # the decision is that of the job
    eums.job = dict(
        type='EntropyRankingJob',
        checkpoint=str(tmp_path / 'first'),
        num_old_classes=4,
        dataset=dict(dataset, image_list=dataset.image_list.replace('images', 'clean')),
    )
    eums.work_dir = str(tmp_path / 'job')
    metrics = run_job(eums)
    assert set((tmp_path / 'job/clean.txt').read_text().split()) == kept
    assert metrics['threshold'] == pytest.approx(decision['threshold'])
    assert metrics['without_novel_pixel'] == 1
    eums.job.keep = 0.01
    with pytest.raises(ValueError, match='keep=0.01 leaves no clean image of'):
        run_job(eums)
    assert isinstance(TASK_UTILS.build(eums.job), EntropyRankingJob)
    # scores that are there are those of these settings and images alone
    eums.job.update(keep=0.67, num_old_classes=3)
    with pytest.raises(ValueError, match='num_old_classes was 4, is 3'):
        run_job(eums)
    eums.job.update(num_old_classes=4)
    eums.job.dataset.image_list = dataset.image_list
    with pytest.raises(
        ValueError, match=r"images was '\d+ images \w+', is '\d+ images"
    ):
        run_job(eums)


def test_pools_of_other_names_and_small_batches(eums):
    """The unclean images are ranked, and the worse ones are called clean."""
    hook = dict(
        type='EntropyRankingHook',
        dataset=eums.custom_hooks[-1].dataset,
        num_old_classes=4,
        keep=0.5,
        source='unclean',
        target='clean',
        batch_size=1,
    )
    data = eums.train_dataloader.dataset.datasets
    images = data[1].image_list.replace('clean', 'unclean')
    data.append(dict(data[1], source='unclean', image_list=images))
    eums.model.unlabeled_sources = ['unclean']
    runner = run(eums, 'other', custom_hooks=[*eums.custom_hooks[:-1], hook])
    decision = decision_of(runner, 'entropy_ranking')
    assert len(decision['images']) == 2 and sum(decision['kept']) == 1
    assert len(runner.train_dataloader.sampler.indices('unclean')) == 1


class Stop(Hook):
    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, *args, **kwargs):
        runner.train_loop.stop_training = runner.iter == self.iteration


@pytest.mark.slow
@pytest.mark.parametrize('iteration', [1, 3])
def test_resume_before_and_after(eums, iteration):
    expected = Record()
    whole = run(eums, 'whole', expected)
    eums.work_dir += '_cut'
    run(eums, 'cut', Stop(iteration))
    record = Record()
    again = run(eums, 'resumed', record, resume=True)
    assert record.batches == expected.batches[iteration + 1 :]
    np.testing.assert_equal(decision_of(again), decision_of(whole))
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key])


def test_what_it_needs(eums):
    hooks = eums.custom_hooks
    with pytest.raises(ValueError, match="needs dict\\(type='SamplerStateHook'\\)"):
        run(eums, 'alone', custom_hooks=hooks[-1:])
    hook = HOOKS.build(hooks[-1])
    assert isinstance(hook, DynamicReassignmentHook)
    assert isinstance(hook, EntropyRankingHook)
    clean = hooks[-1].dataset.image_list
    hooks[-1].dataset.image_list = clean.replace('images', 'unclean')
    with pytest.raises(ValueError, match='images of the pool are not in the dataset'):
        run(eums, 'other')
    hooks[-1].dataset.image_list = clean
    without = run(eums, 'without', custom_hooks=hooks[:-1])
    with pytest.raises(ValueError, match="has no entry 'dynamic_reassignment'"):
        run(eums, 'with', resume=True, train_cfg=dict(max_iters=8))
    assert without.iter == 6


def test_sizes_that_differ(eums):
    """Images and label maps of several sizes, and the training mode afterwards."""
    sizes = iter([(32, 32), (24, 32), (24, 32)] * 9)
    settings = copy.deepcopy(eums.custom_hooks[-1].dataset)
    dataset = DATASETS.build(settings)
    model = Runner.from_cfg(eums).model.train()
    scores = score_images(model, dataset, range(len(dataset)), 4, batch_size=5)
    np.testing.assert_allclose(scores, slow_scores(model, dataset, 4), rtol=1e-4)
    model.train()

    class Odd:
        def __len__(self):
            return len(dataset)

        def __getitem__(self, i):
            sample = dataset[i]
            height, width = next(sizes)
            sample['inputs'] = sample['inputs'][:, :height, :width]
            sample['data_samples'].set_metainfo(dict(img_shape=(height, width)))
            return sample

    odd = score_images(model, Odd(), range(len(dataset)), 4, batch_size=5)
    assert model.training
    assert np.array_equal(np.isnan(odd), np.isnan(scores))
    same = np.arange(len(odd)) % 3 == 0
    np.testing.assert_allclose(odd[same], scores[same], rtol=1e-4)


def _process(rank, path, port, out):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    init_default_scope('mmseg')
    cfg = Config.fromfile(path)
    cfg.launcher = 'pytorch'
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    runner = Runner.from_cfg(cfg)
    runner.train()
    hook = next(h for h in runner.hooks if isinstance(h, DynamicReassignmentHook))
    sampler = runner.train_dataloader.sampler
    torch.save([hook.decision, sampler.state_dict()['moves']], f'{out}_{rank}.pth')
    torch.distributed.barrier()  # the checkpoint is written
    run_job(ranking_job(cfg, f'{out}_job'))


def ranking_job(cfg, work_dir):
    """The ranking as a job, by the model that ``cfg`` has trained."""
    hook = cfg.custom_hooks[-1]
    job = dict(
        type='EntropyRankingJob',
        checkpoint=cfg.work_dir,
        num_old_classes=4,
        dataset=hook.dataset,
        batch_size=3,
    )
    return Config(dict(cfg, job=job, work_dir=work_dir))


@pytest.mark.slow
def test_two_processes_decide_as_one(eums, tmp_path):
    alone = decision_of(run(eums, 'one'))
    eums.work_dir += '_two'
    loader = eums.train_dataloader
    loader.batch_size = 2
    loader.sampler.source_counts = dict(base=1, clean=1, unclean=0)
    eums.experiment_name = 'two'
    path = tmp_path / 'two.py'
    path.write_text(eums.pretty_text)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    out = tmp_path / 'decision'
    mp.start_processes(
        _process, (str(path), port, str(out)), nprocs=2, start_method='fork'
    )
    (first, moves), (second, same) = (torch.load(f'{out}_{r}.pth') for r in (0, 1))
    np.testing.assert_array_equal(first.pop('entropies'), second.pop('entropies'))
    assert first == second and moves == same and len(moves) == 1
    assert first['images'] == alone['images'] and first['kept'] == alone['kept']
    saved = load_checkpoint(eums.work_dir)[0]['dynamic_reassignment']
    np.testing.assert_allclose(saved['entropies'], alone['entropies'], rtol=1e-3)

    run_job(ranking_job(Config.fromfile(path), f'{out}_alone'))
    for name in ('clean.txt', 'unclean.txt'):
        texts = [Path(f'{out}_{w}/{name}').read_text() for w in ('job', 'alone')]
        assert texts[0] == texts[1] and texts[0]
    # Batches of another size may round the last digit otherwise.
    job, other = (
        [line.split(',') for line in Path(f'{out}_{w}/ranking.csv').open()]
        for w in ('job', 'alone')
    )
    assert [row[::2] for row in job] == [row[::2] for row in other] and len(job) > 2
    for one, two in zip(job[1:], other[1:], strict=True):
        if one[1] == 'no novel pixel':
            assert two[1] == one[1]
        else:
            assert float(one[1]) == pytest.approx(float(two[1]), abs=2e-6)
