import copy
import json
import shutil
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.apis import init_model

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.engine.protocols.results_read import tensors_identity
from mmseg_labelfree.utils.checkpoint import load_checkpoint, load_weights

ROOT = Path(__file__).parents[3]


def metrics_of(work_dir) -> dict:
    results = json.loads((Path(work_dir) / 'results.json').read_text())
    return {name: stage['metrics'] for name, stage in results['stages'].items()}


def test_runs_all_stages_and_reports(incremental):
    incremental.visualizer.name = 'visualizer'  # as in MMSegmentation's configs
    finished = ProtocolRunner(incremental).run()
    assert list(finished) == ['step_0', 'step_1', 'step_2']
    work_dir = Path(incremental.work_dir)
    assert (work_dir / 'curves.png').stat().st_size > 1000
    table = (work_dir / 'results.md').read_text()
    assert '| stage | old | new | all | all+bg | bg |' in table
    assert '| step_2 |' in table and '| frame |' in table
    for name in finished:  # each stage logs into its own folder
        (scalars,) = (work_dir / name).glob('*/vis_data/scalars.json')
        entries = [json.loads(line) for line in scalars.read_text().splitlines()]
        assert [e['step'] for e in entries if 'loss' in e] == [2, 4, 6]
    last = metrics_of(work_dir)['step_2']
    assert last == finished['step_2']['metrics']
    whole = Config.fromfile(work_dir / 'config.py')
    assert whole.protocol.type == incremental.protocol.type
    assert 'builds_on' not in Config.fromfile(work_dir / 'step_0/config.py')
    for name, before in (('step_1', 'step_0'), ('step_2', 'step_1')):
        noted = Config.fromfile(work_dir / name / 'config.py').builds_on
        assert noted == {before: tensors_identity(work_dir / before / 'iter_6.pth')}
    ious = {k[4:]: v for k, v in last.items() if k.startswith('IoU/')}
    assert list(ious) == ['background', 'square', 'bar', 'dot', 'frame']
    mean = (ious['dot'] + ious['frame']) / 2
    assert last['mIoU/new'] == pytest.approx(mean, abs=0.01)
    assert last['mIoU/all'] == pytest.approx(
        sum(v for k, v in ious.items() if k != 'background') / 4, abs=0.01
    )


@pytest.mark.slow
def test_stage_config_runs_alone_and_stock_model_loads_it(incremental):
    runner = ProtocolRunner(incremental)
    runner.run('step_0')
    runner.run('step_1')
    stage = runner.stage('step_1').cfg
    again = Config.fromfile(f'{stage.work_dir}/config.py')
    again.work_dir = stage.work_dir + '_alone'
    alone = Runner.from_cfg(again)
    alone.train()
    ours, _, checkpoint = load_weights(stage.work_dir)
    for key, value in alone.model.state_dict().items():
        torch.testing.assert_close(value, ours[key], rtol=0, atol=0)

    stock = copy.deepcopy(again)
    stock.model.type = 'EncoderDecoder'
    stock.model.pop('distillation')
    stock.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    stock.pop('custom_imports')
    model = init_model(stock, checkpoint, device='cpu')
    image = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = alone.model.eval()(image, mode='tensor')
        torch.testing.assert_close(model(image, mode='tensor'), expected)
    assert model.dataset_meta['classes'] == ('background', 'square', 'bar', 'dot')


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_numbers(
    incremental, tmp_path, start_tool, run_tool
):
    schedule = {
        'protocol.next_steps.train_cfg': dict(max_iters=60, val_interval=60),
        'protocol.next_steps.param_scheduler': [
            dict(type='PolyLR', power=0.9, end=60, by_epoch=False)
        ],
        'model.decode_head.dropout_ratio': 0.3,
    }
    incremental.merge_from_dict(schedule)
    path = tmp_path / 'long.py'
    path.write_text(incremental.pretty_text)
    whole, cut = str(tmp_path / 'whole'), tmp_path / 'cut'
    assert run_tool('train.py', str(path), '--work-dir', whole).returncode == 0

    process, _ = start_tool('train.py', path, '--work-dir', cut)
    pointer = cut / 'step_1' / 'last_checkpoint'
    while not pointer.exists():
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not (cut / 'step_1' / 'finished.json').exists()
    assert (cut / 'step_0' / 'finished.json').exists()

    cut = cut.rename(tmp_path / 'moved')
    marker = (cut / 'step_0' / 'finished.json').stat().st_mtime_ns
    resumed = run_tool('train.py', str(path), '--work-dir', str(cut), '--resume')
    assert resumed.returncode == 0, resumed.stdout
    assert 'Stage 1 of' not in resumed.stdout and 'Stage 2 of 3' in resumed.stdout
    assert (cut / 'step_0' / 'finished.json').stat().st_mtime_ns == marker
    assert metrics_of(cut) == metrics_of(whole)
    for step in ('step_1', 'step_2'):
        expected = load_weights(f'{whole}/{step}')[0]
        for key, value in load_weights(cut / step)[0].items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)
        file = max(cut.glob(f'{step}/iter_*.pth'))
        same = Path(whole, step, file.name)
        assert file.read_bytes() != same.read_bytes()  # times
        assert tensors_identity(file) == tensors_identity(same) is not None


@pytest.mark.slow
def test_two_processes_equal_one(incremental, tmp_path, train_in_two_processes):
    incremental.custom_hooks.append(dict(type='ChannelsLastHook'))
    path = tmp_path / 'config.py'
    path.write_text(incremental.pretty_text)
    ProtocolRunner(Config.fromfile(path)).run()
    incremental.train_dataloader.batch_size = 2
    path.write_text(incremental.pretty_text)
    two = str(tmp_path / 'two')
    train_in_two_processes(path, two)
    for name, metrics in metrics_of(incremental.work_dir).items():
        assert metrics_of(two)[name] == pytest.approx(metrics, abs=0.05, nan_ok=True)
        expected = load_weights(f'{incremental.work_dir}/{name}')[0]
        for key, value in load_weights(f'{two}/{name}')[0].items():
            torch.testing.assert_close(value, expected[key], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_finished_stages_are_never_redone_unnoticed(incremental):
    ProtocolRunner(incremental).run('step_0')
    with pytest.raises(FileExistsError, match='step_0 holds finished results'):
        ProtocolRunner(incremental).run()
    incremental.optim_wrapper.optimizer.lr = 0.5
    refused = pytest.raises(ValueError, match=r'step_0.*\n.*optimizer.lr: 0.05 -> 0.5')
    with refused:
        ProtocolRunner(incremental, resume=True).run()
    marker = Path(incremental.work_dir) / 'step_0' / 'finished.json'
    marker.unlink()  # killed after a checkpoint was written
    with refused:
        ProtocolRunner(incremental, resume=True).run()
    with pytest.raises(FileExistsError, match='iter_6.pth of an unfinished run: add'):
        ProtocolRunner(incremental).run()
    for checkpoint in marker.parent.glob('*.pth'):  # killed before
        checkpoint.unlink()
    finished = ProtocolRunner(incremental, resume=True).run('step_0')
    assert 'step_0' in finished


@pytest.mark.slow
def test_a_step_is_not_kept_after_one_that_came_to_something_else(incremental):
    ProtocolRunner(incremental).run('step_0')
    ProtocolRunner(incremental).run('step_1')
    first = Path(incremental.work_dir) / 'step_0'
    (first / 'finished.json').write_text('damaged')
    with pytest.warns(UserWarning, match='is damaged'):
        ProtocolRunner(incremental, resume=True).run('step_0')
    ProtocolRunner(incremental, resume=True).run('step_1')
    checkpoint, file = load_checkpoint(first)
    next(iter(checkpoint['state_dict'].values())).mul_(2)
    torch.save(checkpoint, file)
    (first / 'finished.json').unlink()
    with pytest.raises(ValueError, match=r"step_1 was .*\n  builds_on.step_0: 'iter_6"):
        ProtocolRunner(incremental, resume=True).run()


@pytest.mark.slow
def test_a_stage_with_broken_weights_is_not_finished(incremental):
    """Even where no InvalidLossHook is."""
    incremental.optim_wrapper.optimizer.lr = 1e30
    checkpoint = Path(incremental.work_dir) / 'step_0' / 'iter_6.pth'
    for resume in (False, True):  # the broken checkpoint is refused again
        with pytest.raises(
            FloatingPointError, match=f'is not finite.*delete {checkpoint}'
        ):
            ProtocolRunner(incremental, resume).run()
        assert not (checkpoint.parent / 'finished.json').exists()
    assert not (Path(incremental.work_dir) / 'step_1').exists()


@pytest.mark.slow
def test_a_copy_of_a_work_dir_reads_its_own_checkpoints(incremental, tmp_path):
    """The copy's original is trained anew, with another seed, under the same names."""
    incremental.work_dir = str(tmp_path / 'original')
    ProtocolRunner(incremental).run('step_0')
    first = load_weights(f'{incremental.work_dir}/step_0')[0]
    copied = copy.deepcopy(incremental)
    copied.work_dir = str(tmp_path / 'copy')
    shutil.copytree(incremental.work_dir, copied.work_dir)
    shutil.rmtree(incremental.work_dir)
    incremental.randomness.seed = 4
    ProtocolRunner(incremental).run('step_0')
    for key, value in load_weights(f'{copied.work_dir}/step_0')[0].items():
        assert torch.equal(value, first[key])
    copied.protocol.next_steps.optim_wrapper.optimizer.lr = 0.0
    ProtocolRunner(copied, resume=True).run('step_1')
    body = 'backbone.stem.0.weight'
    assert torch.equal(load_weights(f'{copied.work_dir}/step_1')[0][body], first[body])


@pytest.mark.slow
def test_a_step_without_the_earlier_one_says_so(incremental):
    refused = pytest.raises(FileNotFoundError, match='step_0 is not finished, and')
    with refused:
        ProtocolRunner(incremental).run('step_1')
    ProtocolRunner(incremental).run('step_0')
    (Path(incremental.work_dir) / 'step_0' / 'finished.json').unlink()
    with refused:  # killed after a checkpoint was written
        ProtocolRunner(incremental).run('step_1')
    with pytest.raises(ValueError, match="no stage 'step_7'; the stages are"):
        ProtocolRunner(incremental).run('step_7')


@pytest.mark.slow
def test_tools_on_a_protocol(incremental, tmp_path, run_tool):
    path = tmp_path / 'tools.py'
    path.write_text(incremental.pretty_text)
    dry = run_tool('train.py', str(path), '--dry-run')
    assert dry.returncode == 0 and '3 stages' in dry.stdout and 'frame' in dry.stdout
    assert not Path(incremental.work_dir).exists()
    missing = run_tool('test.py', str(path))
    assert missing.stdout.startswith('Error: no checkpoint at')

    ProtocolRunner(Config.fromfile(path)).run()
    stops = 'Warning: a run would stop at once: '
    held = f'{stops}{incremental.work_dir}/step_0 holds finished results: add --resume'
    dry = run_tool('train.py', str(path), '--dry-run')
    assert dry.returncode == 0 and '3 stages' in dry.stdout and held in dry.stdout
    dry = run_tool('train.py', str(path), '--dry-run', '--resume')
    assert dry.returncode == 0 and stops not in dry.stdout
    tested = run_tool(
        'test.py',
        str(path),
        '--out',
        str(tmp_path / 'pictures'),
        '--show-dir',
        str(tmp_path / 'drawn'),
    )
    assert tested.returncode == 0, tested.stdout
    assert len(tested.stdout.splitlines()) < 20, tested.stdout
    (log,) = Path(incremental.work_dir).glob('step_2/test/*/*/*.log')
    output = log.read_text()
    assert 'per class results' in output and 'all_and_background' in output
    expected = metrics_of(incremental.work_dir)['step_2']['mIoU/new']
    assert f'mIoU/new: {expected:.4f}' in output
    assert f' {expected:.1f} ' in tested.stdout
    assert len(list((tmp_path / 'pictures').glob('*.png'))) == 6
    assert len(list((tmp_path / 'drawn').rglob('*.png'))) == 6


def test_joint_is_one_stage_with_all_classes(incremental):
    incremental.protocol.setup = 'joint'
    runner = ProtocolRunner(incremental)
    assert [s.name for s in runner.stages] == ['joint']
    stage = runner.stage().cfg
    assert stage.model.decode_head.num_classes == 5
    assert stage.model.decode_head.loss_decode.num_old_classes == 1
    assert stage.model.distillation == []
    runner.run()
    assert 'mIoU/new' in metrics_of(incremental.work_dir)['joint']


def write_metafile(config: Path, metrics: str) -> None:
    """A metafile beside a config that gives it published figures."""
    config.with_name('metafile.yaml').write_text(
        f'Models: [{{Name: own, Config: configs/own/{config.name}, Results: '
        f'[{{Table: Table 5, Metrics: {metrics}}}]}}]\n'
    )


@pytest.mark.slow
def test_published_figures_stand_below_ours(incremental, capsys):
    write_metafile(Path(incremental.filename), '{mIoU/old: 35.1, mIoU/new: 13.5}')
    incremental.protocol.setup = 'joint'
    ProtocolRunner(incremental).run()
    assert 'published (Table 5)' in capsys.readouterr().out
    table = (Path(incremental.work_dir) / 'results.md').read_text()
    assert '| published (Table 5) | 35.1 | 13.5 | - |' in table
    assert list(metrics_of(incremental.work_dir)) == ['joint']


class StopAt(Hook):
    """Interrupts training like Ctrl-C before a given iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


def test_a_seed_left_to_chance_stays_the_same(tiny):
    tiny.pop('randomness')
    tiny.default_hooks.checkpoint.max_keep_ckpts = -1
    ProtocolRunner(tiny).run()
    whole = load_weights(tiny.work_dir)[0]
    cut = Path(shutil.copytree(tiny.work_dir, f'{tiny.work_dir}_cut'))
    for name in ('finished.json', 'iter_4.pth', 'iter_6.pth'):
        (cut / name).unlink()
    tiny.work_dir = str(cut)
    ProtocolRunner(tiny, resume=True).run()
    for key, value in load_weights(cut)[0].items():
        torch.testing.assert_close(value, whole[key], rtol=0, atol=0)


@pytest.mark.slow
def test_interrupted_epochs_resume_to_the_same_weights(incremental):
    incremental.train_cfg = dict(
        type='EpochBasedTrainLoop', max_epochs=3, val_interval=3
    )
    incremental.param_scheduler = [
        dict(type='PolyLR', power=0.9, end=3, convert_to_iter_based=True)
    ]
    incremental.log_processor.by_epoch = True
    checkpoints = incremental.default_hooks.checkpoint
    checkpoints.by_epoch, checkpoints.interval = True, 1
    incremental.model.decode_head.dropout_ratio = 0.3
    loader = incremental.train_dataloader
    loader.sampler.type = 'SeededSampler'
    loader.drop_last = True

    def weights(work_dir, *hooks, resume=False):
        cfg = ProtocolRunner(incremental).stage('step_0').cfg
        cfg.work_dir, cfg.resume = work_dir, resume
        runner = Runner.from_cfg(cfg)
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
        return runner.model.state_dict()

    whole = weights(f'{incremental.work_dir}/whole')
    cut = f'{incremental.work_dir}/cut'
    with pytest.raises(KeyboardInterrupt):
        weights(cut, StopAt(9))
    for key, value in weights(cut, resume=True).items():
        torch.testing.assert_close(value, whole[key], rtol=0, atol=0)


@pytest.mark.slow
def test_amp_chooses_what_the_device_can_do(incremental, tmp_path, run_tool):
    path = tmp_path / 'amp.py'
    path.write_text(incremental.pretty_text)
    work_dir = tmp_path / 'amp'
    done = run_tool(
        'train.py', str(path), '--amp', '--stage', 'step_0', '--work-dir', str(work_dir)
    )
    assert done.returncode == 0, done.stdout
    kind = Config.fromfile(work_dir / 'step_0/config.py').optim_wrapper.type
    on_gpu = torch.cuda.is_available()
    assert kind == ('AmpOptimWrapper' if on_gpu else 'mmseg.BFloat16OptimWrapper')


@pytest.mark.slow
def test_plain_config_is_trained_as_usual(incremental, tmp_path, run_tool):
    stage = ProtocolRunner(incremental).stage('step_0').cfg
    path = tmp_path / 'plain.py'
    path.write_text(stage.pretty_text)
    write_metafile(path, '{mIoU: 46.7, aAcc: 83.6}')
    done = run_tool('train.py', str(path), '--work-dir', str(tmp_path / 'plain'))
    assert done.returncode == 0, done.stdout
    results = (tmp_path / 'plain' / 'results.md').read_text()
    assert '| published (Table 5) | 46.7 | 83.6 |' in results
    assert (tmp_path / 'plain' / 'iter_6.pth').exists()
    dry = run_tool('train.py', str(path), '--dry-run')
    assert dry.returncode == 0 and '1 stage' in dry.stdout
    refused = run_tool('train.py', str(path), '--stage', 'step_0')
    assert refused.returncode == 1
    (line,) = refused.stdout.splitlines()
    assert line.startswith(f'Error: {path} has no protocol: --stage needs one (')
