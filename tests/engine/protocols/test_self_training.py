import copy
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_labelfree.engine.jobs import PseudoLabelJob
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.utils import PseudoLabelGenerator
from mmseg_labelfree.models.utils.stage_model import load_stage_model
from mmseg_labelfree.utils.checkpoint import load_weights

ROOT = Path(__file__).parents[3]


def stages(cfg, **protocol):
    cfg = copy.deepcopy(cfg)
    cfg.protocol.update(protocol)
    return {stage.name: stage for stage in ProtocolRunner(cfg).stages}


def hooks(stage):
    return {hook.type: hook for hook in stage.cfg.custom_hooks}


def test_stages_of_the_paper(strict):
    strict.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='somewhere.pth')
    found = stages(strict)
    assert list(found) == ['spnet', 'round_1', 'round_2']
    spnet, first, second = found.values()
    assert spnet.cfg.model.decode_head.train_classes == 'seen'
    assert spnet.cfg.model.generator is None and spnet.cfg.model.backbone.init_cfg
    assert spnet.cfg.train_cfg.max_iters == 4
    assert set(hooks(spnet)) == {'IterationSeedHook', 'UnseenLabelCheckHook'}
    for stage, previous in ((first, spnet), (second, first)):
        assert stage.cfg.model.decode_head.train_classes == 'all'
        assert stage.cfg.model.generator == dict(views='mirror')
        assert stage.cfg.model.backbone.init_cfg is None
        assert stage.cfg.optim_wrapper.optimizer.lr == 0.02
        for name in ('FrozenTeacherHook', 'IncrementalClassifierInitHook'):
            assert hooks(stage)[name].checkpoint == previous.cfg.work_dir
        head = stage.cfg.model.decode_head
        assert head.classes == ['square', 'bar', 'dot', 'frame']
        assert head.unseen == ['frame'] and head.num_classes == 4
        assert stage.cfg.model.background is None
        metric = stage.cfg.val_evaluator
        assert metric.groups.seen == ['square', 'bar', 'dot']
        assert metric.groups.unseen == ['frame']
        assert metric.harmonic_mean == ('seen', 'unseen')
        for name in ('train', 'val', 'test'):
            assert (
                stage.cfg[f'{name}_dataloader'].dataset.split == strict.protocol.split
            )


def test_variants(strict):
    assert list(stages(strict, rounds=0)) == ['spnet']
    shared = stages(strict, rounds=1, base_checkpoint='work_dirs/other/spnet')
    assert list(shared) == ['round_1']
    assert hooks(shared['round_1'])['FrozenTeacherHook'].checkpoint == (
        'work_dirs/other/spnet'
    )
    strict.model.decode_head.embeddings.insert(0, [0, 0, 0, 1.0])
    seen = stages(strict, background='seen')['round_1'].cfg
    assert seen.model.background == 0
    assert seen.model.decode_head.classes[0] == 'background'
    assert seen.val_evaluator.groups.seen[0] == 'background'
    assert seen.train_dataloader.dataset.background == 'seen'
    found = stages(strict, mode='offline')
    assert list(found) == ['spnet', 'labels_1', 'round_1', 'labels_2', 'round_2']
    labels, training = found['labels_2'].cfg, found['round_2'].cfg
    assert labels.job.checkpoint == found['round_1'].cfg.work_dir
    assert labels.job.generator == dict(views='mirror')
    assert training.model.generator is None
    assert training.train_dataloader.dataset.pseudo_labels == (
        f'{labels.work_dir}/labels'
    )
    assert not {'FrozenTeacherHook', 'UnseenLabelCheckHook'} & set(
        hooks(found['round_2'])
    )


def test_auxiliary_heads_learn_the_same_classes(strict):
    strict.model.auxiliary_head = [
        copy.deepcopy(strict.model.decode_head),
        dict(type='FCNHead', num_classes=19),
    ]
    found = stages(strict, rounds=1)
    for name, classes in (('spnet', 'seen'), ('round_1', 'all')):
        same, other = found[name].cfg.model.auxiliary_head
        assert same.train_classes == classes and same.unseen == ['frame']
        assert same.num_classes == other.num_classes == 4
        assert same == found[name].cfg.model.decode_head


def test_mistakes(strict, incremental):
    for settings, message in (
        (dict(rounds=-1), 'rounds=-1: there is nothing to train'),
        (dict(rounds=0, base_checkpoint='x'), 'there is nothing to train'),
        (dict(mode='later'), "mode='later' is unknown"),
        (dict(background='black'), "background='black' is unknown"),
        (dict(split='voc'), "unknown split 'voc'"),
    ):
        with pytest.raises(ValueError, match=message):
            stages(strict, **settings)
    lacking = copy.deepcopy(strict)
    lacking.model.pop('generator')
    with pytest.raises(ValueError, match='self-training need model.generator'):
        stages(lacking)
    for name in ('train', 'val', 'test'):
        loader = f'{name}_dataloader'
        strict[loader] = copy.deepcopy(incremental[loader])
    with pytest.raises(ValueError, match="needs datasets wrapped in dict.type='ZeroL"):
        stages(strict)


def test_runs_and_reports(strict):
    finished = ProtocolRunner(strict).run()
    assert list(finished) == ['spnet', 'round_1', 'round_2']
    work_dir = Path(strict.work_dir)
    table = (work_dir / 'results.md').read_text()
    assert '| stage | seen | unseen | harmonic | all | seconds |' in table
    assert (work_dir / 'curves.png').stat().st_size > 1000
    for stage in finished.values():
        metrics = stage['metrics']
        seen, unseen = metrics['mIoU/seen'], metrics['mIoU/unseen']
        harmonic = 2 * seen * unseen / (seen + unseen) if seen + unseen else 0
        assert metrics['mIoU/harmonic'] == pytest.approx(harmonic, abs=0.02)
    weights = load_weights(f'{strict.work_dir}/round_2')[0]
    assert len(weights['decode_head.conv_seg.weight']) == 4  # as a stock head has it


@pytest.mark.slow
def test_a_round_starts_from_the_stage_before(strict):
    strict.protocol.update(rounds=1)
    strict.protocol.next_rounds.optim_wrapper.optimizer.lr = 0.0
    strict.protocol.next_rounds.randomness = dict(seed=4)  # another initialization
    ProtocolRunner(strict).run()
    before, after = (
        load_weights(f'{strict.work_dir}/{name}')[0] for name in ('spnet', 'round_1')
    )
    for key, value in before.items():
        assert torch.equal(after[key], value), key


def test_a_leak_stops_the_training(strict):
    runner = ProtocolRunner(strict)
    stage = runner.stage('spnet').cfg
    stage.train_dataloader.dataset = stage.train_dataloader.dataset.dataset
    stage.train_dataloader.dataset.metainfo.classes = (
        'square',
        'bar',
        'dot',
        'frame',
        'background',
    )  # labels of four boxes are now 1 to 4: 3 is the unseen class
    with pytest.raises(ValueError, match='unseen class frame occurs as a training lab'):
        runner.run('spnet')


@pytest.mark.slow
@pytest.mark.parametrize('background', ['unlabeled', 'seen'])
def test_offline_labels_are_the_online_ones(strict, background):
    """The two modes see the same pixels where nothing is cropped or mirrored."""
    if background == 'seen':
        strict.model.decode_head.embeddings.insert(0, [0, 0, 0, 1.0])
    views = dict(scales=[1.0, 0.75], mirror=True)
    strict.model.generator = dict(views=views)
    strict.protocol.update(mode='offline', rounds=1, background=background)
    strict.train_dataloader.dataset.dataset.update(
        indices=6,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    runner = ProtocolRunner(strict)
    for name in ('spnet', 'labels_1'):
        runner.run(name)
    metrics = json.loads(Path(strict.work_dir, 'labels_1/finished.json').read_text())[
        'metrics'
    ]
    assert 0 < metrics['pseudo_share'] <= 100
    folder = Path(strict.work_dir, 'labels_1/labels')
    assert len(list(folder.glob('*.png'))) == 6

    cfg = runner.stage('round_1').cfg
    dataset = cfg.train_dataloader.dataset
    filled = DATASETS.build(dataset)
    plain = DATASETS.build({k: v for k, v in dataset.items() if k != 'pseudo_labels'})
    model = load_stage_model(f'{strict.work_dir}/spnet', cfg.model).eval()
    generator = PseudoLabelGenerator(views)
    number = len(filled.metainfo['classes']) - 1
    made = 0
    for index in range(len(plain)):
        data = plain[index]
        batch = {key: [value] for key, value in data.items()}
        batch = model.data_preprocessor(batch, False)
        labels = batch['data_samples'][0].gt_sem_seg.data
        online = generator(
            model, batch['inputs'], labels, 0 if background == 'seen' else None
        )
        offline = filled[index]['data_samples'].gt_sem_seg.data
        assert torch.equal(online, offline)
        made += int((offline == number).sum())
    assert made > 0
    if background == 'seen':
        ProtocolRunner(strict, resume=True).run()
        assert Path(strict.work_dir, 'round_1/finished.json').exists()


@pytest.mark.slow
def test_labels_job_goes_on_and_refuses_other_labels(strict):
    strict.protocol.update(mode='offline', rounds=1)
    runner = ProtocolRunner(strict)
    runner.run('spnet')
    stage = runner.stage('labels_1').cfg
    job = PseudoLabelJob(**{k: v for k, v in stage.job.items() if k != 'type'})
    first = job.run(copy.deepcopy(stage))
    files = sorted(Path(stage.work_dir, 'labels').glob('*.png'))
    content = {f.name: f.read_bytes() for f in files}
    kept = files[3].stat().st_mtime_ns
    for file in files[:3]:
        file.unlink()
    assert job.run(copy.deepcopy(stage)) == first
    assert {f.name: f.read_bytes() for f in files} == content
    assert files[3].stat().st_mtime_ns == kept
    assert np.asarray(Image.open(files[0])).shape == (32, 32)
    other = PseudoLabelJob(stage.job.checkpoint, dict(views='none'))
    with pytest.raises(ValueError, match="generator.views was 'mirror', is 'none'"):
        other.run(copy.deepcopy(stage))


def test_quality_of_pseudo_labels_is_counted_pixel_by_pixel(
    strict, tmp_path, boxes_root, capsys
):
    path = ROOT / 'tools/pseudo_label_quality.py'
    spec = importlib.util.spec_from_file_location('pseudo_label_quality', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    strict.protocol.split = dict(seen=['square', 'bar'], unseen=['dot', 'frame'])
    cfg = ProtocolRunner(strict).stage('round_1').cfg
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.decode_head.conv_seg.embed.weight)
    checkpoint = str(tmp_path / 'random.pth')
    torch.save(dict(meta={}, state_dict=model.state_dict()), checkpoint)
    counts = tool.confusion(cfg, checkpoint, ['none', 'mirror'], images=3)

    expected = np.zeros((2, 3, 3), int)
    model = load_stage_model(checkpoint, cfg.model).eval()
    for index in range(3):
        name = f'train_{index:03d}'
        image = np.asarray(Image.open(boxes_root / f'JPEGImages/{name}.jpg'))
        image = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
        batch = dict(inputs=[image], data_samples=[SegDataSample()])
        inputs = model.data_preprocessor(batch, False)['inputs']
        truth = np.asarray(Image.open(boxes_root / f'SegmentationClass/{name}.png'))
        empty = torch.full((1, 32, 32), 254)
        for k, views in enumerate(('none', 'mirror')):
            labels = PseudoLabelGenerator(views)(model, inputs, empty)[0]
            for y, x in np.ndindex(32, 32):
                value, label = int(truth[y, x]), int(labels[y, x])
                if value not in (1, 2):  # those have a label
                    row = {3: 0, 4: 1}.get(value, 2)
                    expected[k, row, {2: 0, 3: 1}.get(label, 2)] += 1
                else:
                    expected[k, 2, 2] += 1
    np.testing.assert_array_equal(counts['none'], expected[0])
    np.testing.assert_array_equal(counts['mirror'], expected[1])
    assert not counts['none'][:2, 2].any() and counts['mirror'][:2, 2].any()
    config = tmp_path / 'tiny.py'
    config.write_text(strict.pretty_text)
    tool.main([str(config), checkpoint, '--views', 'none', '--images', '2'])
    assert '| none | 100.0 |' in capsys.readouterr().out


def with_work_dir(path, work_dir):
    cfg = Config.fromfile(path)
    cfg.update(work_dir=str(work_dir), launcher='none')
    return cfg


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['online', 'offline'])
def test_two_processes_equal_one(strict, tmp_path, train_in_two_processes, mode):
    # Averaged over all pixels, of which both processes have as many.
    strict.model.decode_head.head.loss_decode.avg_non_ignore = False
    strict.protocol.update(rounds=1, mode=mode)
    path = tmp_path / 'strict.py'
    path.write_text(strict.pretty_text)
    one, two = tmp_path / 'one', tmp_path / 'two'
    ProtocolRunner(with_work_dir(path, one)).run()
    strict.train_dataloader.batch_size = 2
    path.write_text(strict.pretty_text)
    train_in_two_processes(path, two)
    for file in (one / 'labels_1').rglob('*.png'):
        other = np.asarray(Image.open(two / 'labels_1/labels' / file.name))
        assert np.array_equal(np.asarray(Image.open(file)), other)
    for stage in ('spnet', 'round_1'):
        results = [
            json.loads((folder / stage / 'finished.json').read_text())['metrics']
            for folder in (one, two)
        ]
        assert results[1] == pytest.approx(results[0], abs=0.05)
        expected = load_weights(one / stage)[0]
        for key, value in load_weights(two / stage)[0].items():
            torch.testing.assert_close(value, expected[key], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_killed_round_resumes_to_the_same_numbers(strict, tmp_path, start_tool):
    strict.model.decode_head.head.dropout_ratio = 0.3
    strict.model.generator.views = dict(scales=[1.0, [0.5, 1.0]], mirror=True)
    strict.protocol.update(rounds=1)
    strict.protocol.next_rounds.update(train_cfg=dict(max_iters=20, val_interval=20))
    path = tmp_path / 'strict.py'
    path.write_text(strict.pretty_text)
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    ProtocolRunner(with_work_dir(path, whole)).run()

    process, _ = start_tool('train.py', path, '--work-dir', cut)
    while not (cut / 'round_1/last_checkpoint').exists():
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not (cut / 'round_1/finished.json').exists()
    ProtocolRunner(with_work_dir(path, cut), resume=True).run()
    results = [
        json.loads((folder / 'round_1/finished.json').read_text())['metrics']
        for folder in (whole, cut)
    ]
    assert results[0] == results[1]
    weights = [load_weights(folder / 'round_1')[0] for folder in (whole, cut)]
    for key, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][key], rtol=0, atol=0)
    assert Config.fromfile(cut / 'round_1/config.py').model.generator
