"""Which changes of a config make a stage another one."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.engine.protocols.results_read import with_note
from mmseg_labelfree.engine.protocols.same_stage import (
    check_same_protocol,
    check_same_stage,
)


def write(cfg):
    """Write the stages' configs as a run does, as if they were finished."""
    for stage in ProtocolRunner(cfg).stages:
        folder = Path(stage.cfg.work_dir)
        folder.mkdir(parents=True)
        (folder / 'config.py').write_text(with_note(stage.cfg).pretty_text)
        content = dict(stage=stage.name, folder=cfg.work_dir, seconds=1, metrics={})
        (folder / 'finished.json').write_text(json.dumps(content))


def check(cfg):
    for stage in ProtocolRunner(cfg).stages:
        check_same_stage(stage)


def refusal(cfg, **changes):
    """Lines of the message about changed settings."""
    cfg = copy.deepcopy(cfg)
    cfg.merge_from_dict(changes)
    with pytest.raises(ValueError, match='was run with other settings') as error:
        check(cfg)
    return [line.strip() for line in str(error.value).splitlines()[1:-1]]


@pytest.fixture
def begun(incremental):
    write(incremental)
    return incremental


def test_what_makes_it_another_stage(begun):
    check(begun)
    assert refusal(begun, **{'optim_wrapper.optimizer.lr': 0.5}) == [
        'optim_wrapper.optimizer.lr: 0.05 -> 0.5'
    ]
    changes = {
        'randomness.seed': 4,
        'model.decode_head.dropout_ratio': 0.1,
        'train_dataloader.batch_size': 2,
        'train_dataloader.dataset.dataset.indices': 8,
        'train_cfg.max_iters': 7,
        'custom_hooks.0.type': 'ChannelsLastHook',
        'default_hooks.invalid_loss': dict(type='InvalidLossHook'),
        'val_evaluator.iou_metrics': ['mIoU'],
        'default_hooks.checkpoint.save_best': 'mIoU/old',
    }
    assert sorted(refusal(begun, **changes)) == [
        "custom_hooks.0.type: 'IterationSeedHook' -> 'ChannelsLastHook'",
        "default_hooks.checkpoint.save_best: not set -> 'mIoU/old'",
        "default_hooks.invalid_loss.type: not set -> 'InvalidLossHook'",
        'model.decode_head.dropout_ratio: 0.0 -> 0.1',
        'randomness.seed: 3 -> 4',
        'train_cfg.max_iters: 6 -> 7',
        'train_dataloader.batch_size: 4 -> 2',
        'train_dataloader.dataset.dataset.indices: not set -> 8',
        "val_evaluator.iou_metrics: not set -> ['mIoU']",
    ]
    for key, value in changes.items():
        assert refusal(begun, **{key: value})
    begun.model.decode_head.loss_decode.pop('num_old_classes')
    assert refusal(begun) == [
        'model.decode_head.loss_decode.num_old_classes: 1 -> not set'
    ]


def test_a_setting_of_later_stages_leaves_the_first_alone(begun):
    begun.protocol.next_steps.optim_wrapper.optimizer.lr = 0.02
    first, second, _ = ProtocolRunner(begun).stages
    check_same_stage(first)
    with pytest.raises(ValueError, match=r'step_1.*\n.*lr: 0.01 -> 0.02\nresume with'):
        check_same_stage(second)


def test_another_checkpoint_to_hand_on_makes_it_another_stage(begun):
    lines = [
        "default_hooks.checkpoint.save_best: not set -> 'mIoU/step_0'",
        "default_hooks.checkpoint.rule: not set -> 'greater'",
    ]
    assert refusal(begun, **{'protocol.hand_on': 'best'}) == lines


def test_what_does_not_count(begun):
    begun.merge_from_dict(
        {
            'helper': dict(lr=3),
            'train_dataloader.num_workers': 2,
            'train_dataloader.persistent_workers': True,
            'val_dataloader.pin_memory': True,
            'default_hooks.logger.interval': 1,
            'default_hooks.checkpoint.interval': 3,
            'default_hooks.visualization': dict(type='SegVisualizationHook'),
            'visualizer.vis_backends': [],
            'log_level': 'ERROR',
            'log_processor.window_size': 5,
            'launcher': 'pytorch',
            'model_wrapper_cfg': dict(type='MMDistributedDataParallel'),
            'env_cfg': dict(cudnn_benchmark=True),
            'test_dataloader.batch_size': 2,
            'test_evaluator.classwise': False,
            'resume': True,
        }
    )
    check(begun)


def test_work_dir_and_data_that_moved(begun, tmp_path, monkeypatch):
    old, new = begun.work_dir, str(tmp_path / 'elsewhere' / 'renamed')
    shutil.copytree(old, new)
    monkeypatch.chdir(tmp_path)
    for work_dir in ('work', './work', new, 'elsewhere/renamed'):
        begun.work_dir = work_dir
        check(begun)
    shutil.rmtree(old)
    begun.work_dir = new
    for name in ('train', 'val', 'test'):
        begun[f'{name}_dataloader'].dataset.dataset.data_root = '/other/disk/boxes'
    check(begun)
    begun.train_dataloader.dataset.dataset.ann_file = 'ImageSets/val.txt'
    assert len(refusal(begun)) == 1


def test_files_beside_the_data_move_with_it(begun, tmp_path):
    def place(folder):
        begun.work_dir = str(tmp_path / 'placed')
        begun.model.backbone.init_cfg = dict(
            type='Pretrained', checkpoint=f'{folder}/weights/resnet.pth'
        )
        for name in ('train', 'val', 'test'):
            dataset = begun[f'{name}_dataloader'].dataset.dataset
            dataset.data_root = f'{folder}/boxes'
            dataset.ann_file = f'{folder}/boxes/lists/some.txt'

    place('data')
    write(begun)
    place('/big/disk')
    check(begun)
    begun.model.backbone.init_cfg.checkpoint = '/big/disk/weights/vgg.pth'
    assert refusal(begun) == [
        "model.backbone.init_cfg.checkpoint: 'data/weights/resnet.pth' -> "
        "'/big/disk/weights/vgg.pth'"
    ]


def test_a_stage_of_another_run_is_known_by_its_marker(incremental, tmp_path):
    base, copied, other = (tmp_path / n / 'step_0' for n in ('base', 'copy', 'other'))
    base.mkdir(parents=True)
    (base / 'finished.json').write_text('{"seconds": 1}')
    shutil.copytree(base, copied)
    other.mkdir(parents=True)
    (other / 'finished.json').write_text('{"seconds": 2}')
    incremental.protocol.base_checkpoint = str(base)
    write(incremental)
    incremental.protocol.base_checkpoint = str(copied)
    check(incremental)
    incremental.protocol.base_checkpoint = str(other)
    assert refusal(incremental) == [
        f"custom_hooks.{i}.checkpoint: '{base}' -> '{other}'" for i in (1, 2)
    ]
    moved = tmp_path / 'there' / 'step_0'
    moved.parent.mkdir()
    shutil.move(base, moved)
    incremental.protocol.base_checkpoint = str(moved)
    check(incremental)


def test_parts_of_stages_of_another_run(novel, tmp_path):
    def reuse(folder):
        names = ('clustering', 'basic', 'ranking')
        novel.protocol.reuse = {name: str(tmp_path / folder / name) for name in names}

    reuse('first')
    for folder in novel.protocol.reuse.values():
        Path(folder).mkdir(parents=True)
        Path(folder, 'finished.json').write_text('{}')
    write(novel)
    shutil.move(tmp_path / 'first', tmp_path / 'second')
    reuse('second')
    check(novel)
    reuse('third')  # where nothing is
    lines = refusal(novel)
    assert any('datasets.1.image_list' in line for line in lines)
    assert any('datasets.1.labels' in line for line in lines)


def finish(folder, metrics, **checkpoint):
    """What a finished stage leaves in a folder: metrics, and its checkpoint if any."""
    folder.mkdir(parents=True, exist_ok=True)
    content = dict(metrics=metrics, seconds=1.0)
    if checkpoint:
        torch.save(checkpoint, folder / 'iter_6.pth')
        content['checkpoint'] = 'iter_6.pth'
    (folder / 'finished.json').write_text(json.dumps(content))


def test_a_base_model_that_changed_in_its_place(incremental, tmp_path):
    base, file = (
        tmp_path / 'base/step_0',
        Path(incremental.work_dir, 'step_1/config.py'),
    )
    finish(base, {}, state_dict=dict(w=torch.zeros(3)), meta=dict(time='10:00'))
    incremental.protocol.base_checkpoint = str(base)
    write(incremental)
    check(incremental)
    finish(base, {}, state_dict=dict(w=torch.zeros(3)), meta=dict(time='11:00'))
    check(incremental)  # trained again, to the same
    finish(base, {}, state_dict=dict(w=torch.ones(3)), meta=dict(time='11:00'))
    (line,) = refusal(incremental)
    assert line.startswith("builds_on.step_0: 'iter_6.pth ")
    (base / 'iter_6.pth').write_bytes((base / 'iter_6.pth').read_bytes()[:99])
    check(incremental)  # whatever reads it says that it is damaged
    shutil.rmtree(base)
    check(incremental)  # what is finished no longer needs it
    finish(base, {}, state_dict=dict(w=torch.ones(3)))
    stage = ProtocolRunner(incremental).stages[0]
    file.write_text(stage.cfg.pretty_text)  # by a version without such notes
    check_same_stage(stage)


def test_a_job_that_changed_in_its_place(novel, tmp_path):
    folders = {n: str(tmp_path / 'first' / n) for n in ('clustering', 'basic')}
    novel.protocol.reuse = folders
    finish(Path(folders['clustering']), dict(purity=70.0, silhouette=float('nan')))
    finish(Path(folders['basic']), {}, state_dict=dict(w=torch.zeros(3)))
    write(novel)
    check(novel)
    finish(Path(folders['clustering']), dict(purity=60.0, silhouette=float('nan')))
    (line,) = refusal(novel)
    assert line.startswith('builds_on.clustering: ') and '70.0' in line


def test_a_work_dir_is_of_one_protocol(incremental, strict, tiny):
    check_same_protocol(strict)
    for before, now in ((incremental, strict), (tiny, strict), (strict, tiny)):
        now.work_dir = before.work_dir
        file = Path(before.work_dir, 'config.py')
        file.parent.mkdir(exist_ok=True)
        before.dump(file)
        check_same_protocol(before)
        with pytest.raises(FileExistsError, match=f'{now.work_dir} holds a run of'):
            ProtocolRunner(now).run()
        with pytest.raises(FileExistsError, match='choose another --work-dir'):
            ProtocolRunner(now, resume=True).run()


def test_a_config_that_lies_in_its_work_dir(incremental, tmp_path):
    """It may lack what a run would write."""
    incremental.pop('work_dir')
    file = tmp_path / 'config.py'
    file.write_text(incremental.pretty_text)
    cfg = Config.fromfile(file)
    cfg.work_dir = incremental.work_dir = str(tmp_path)
    check_same_protocol(cfg)
    with pytest.raises(ValueError, match='config.py is damaged .*: delete it, or'):
        check_same_protocol(incremental)


def run_before(tiny, **changes):
    """A plain run that stopped: its config as it is left in the work dir."""
    old = copy.deepcopy(tiny)
    old.merge_from_dict(changes)
    Path(tiny.work_dir).mkdir(exist_ok=True)
    old.dump(Path(tiny.work_dir, 'config.py'))


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('optim_wrapper.optimizer.lr', 0.1),
        ('model.decode_head.loss_decode.loss_weight', 0.4),
        ('train_cfg.max_iters', 8),
        ('randomness.seed', 4),
        ('train_dataloader.batch_size', 2),
        ('val_evaluator.ignore_index', 0),
    ],
)
def test_a_plain_run_goes_on_under_its_own_settings_alone(tiny, key, value):
    run_before(tiny, **{key: value})
    with pytest.raises(ValueError, match=rf'config.py -> now.*\n.*  {key}: '):
        check(tiny)


@pytest.mark.parametrize(
    'changes',
    [
        {'train_dataloader.num_workers': 3},
        {'train_dataloader.persistent_workers': True},
        {'default_hooks.logger.interval': 7},
        {'default_hooks.checkpoint.interval': 1},
        {'env_cfg': dict(cudnn_benchmark=True)},
        {'randomness.deterministic': True},
        {'visualizer.vis_backends': []},
        {'resume': True},
        {'work_dir': 'elsewhere/work'},
    ],
    ids=lambda c: next(iter(c)),
)
def test_what_changes_no_result_may_differ(tiny, changes):
    run_before(tiny, **changes)
    check(tiny)


def test_hooks_that_only_watch_may_come_and_go(tiny):
    watching = [dict(type='PseudoLabelPanelHook'), *tiny.custom_hooks]
    run_before(tiny, custom_hooks=watching)
    check(tiny)
    run_before(tiny, custom_hooks=[dict(type='NormStatisticsHook'), *watching])
    with pytest.raises(ValueError, match='custom_hooks'):
        check(tiny)


def test_nothing_is_asked_of_an_empty_folder(tiny):
    check(tiny)


@pytest.mark.slow
def test_the_tool_refuses_to_resume_under_another_rate(tiny, run_tool, tmp_path):
    tiny.train_cfg.max_iters = 2
    path = tmp_path / 'plain.py'
    tiny.dump(path)
    assert run_tool('train.py', path).returncode == 0
    options = ('--resume', '--cfg-options', 'optim_wrapper.optimizer.lr=0.5')
    result = run_tool('train.py', path, *options)
    assert result.returncode == 1
    assert 'optim_wrapper.optimizer.lr: 0.05 -> 0.5' in result.stdout
    assert run_tool('train.py', path, '--resume').returncode == 0
    assert run_tool('train.py', path, '--resume').returncode == 0
