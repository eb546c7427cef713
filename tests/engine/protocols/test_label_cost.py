"""Several kinds of labels as one protocol."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmseg_labelfree.engine.optim.mixed_precision import use_mixed_precision
from mmseg_labelfree.engine.protocols import ProtocolRunner, build_protocol
from mmseg_labelfree.visualization.cost_rows import read_costs

ROOT = Path(__file__).parents[3]


def test_rows_are_the_stages_of_their_configs(label_cost):
    stages = build_protocol(label_cost).stages(label_cost)
    assert [stage.name for stage in stages] == [
        *('full', 'part', 'steps/step_0', 'steps/step_1', 'steps/step_2')
    ]
    assert [stage.length for stage in stages] == [6, 6, 2, 2, 2]
    assert {stage.cfg.randomness.seed for stage in stages} == {5}
    full, part = (stage.cfg.train_dataloader.dataset for stage in stages[:2])
    assert part == dict(full, indices=8)
    assert [Path(s.cfg.work_dir).relative_to(label_cost.work_dir) for s in stages] == [
        Path(stage.name) for stage in stages
    ]
    parts = build_protocol(label_cost).data_parts(label_cost)
    assert [p.name for p in parts][:4] == [
        *('full train', 'full val', 'part train', 'part val')
    ]
    label_cost.protocol.only = ['steps', 'full']
    names = [stage.name for stage in build_protocol(label_cost).stages(label_cost)]
    assert names == ['full', 'steps/step_0', 'steps/step_1', 'steps/step_2']
    parts = build_protocol(label_cost).data_parts(label_cost)
    assert {p.name.split()[0] for p in parts} == {'full', 'steps'}


def test_finished_rows_stay(label_cost):
    label_cost.protocol.only = ['part']
    for stage in ('full', 'steps/step_0', 'steps/step_1'):
        folder = Path(label_cost.work_dir, stage)
        folder.mkdir(parents=True)
        (folder / 'finished.json').touch()
    names = [stage.name for stage in build_protocol(label_cost).stages(label_cost)]
    assert names == ['full', 'part']


def test_mixed_precision_holds_for_all_rows(label_cost):
    rows = label_cost.protocol.rows
    rows.part.settings['optim_wrapper.type'] = 'AmpOptimWrapper'  # it is kept
    before = build_protocol(label_cost).stages(label_cost)
    use_mixed_precision(label_cost)
    after = build_protocol(label_cost).stages(label_cost)
    on_gpu = torch.cuda.is_available()
    usual = 'AmpOptimWrapper' if on_gpu else 'mmseg.BFloat16OptimWrapper'
    for plain, mixed in zip(before, after, strict=True):
        kind = 'AmpOptimWrapper' if mixed.name == 'part' else usual
        assert mixed.cfg.optim_wrapper.type == kind
        assert mixed.cfg.optim_wrapper.optimizer == plain.cfg.optim_wrapper.optimizer
    rows.part.settings['optim_wrapper.type'] = 'ApexOptimWrapper'
    with pytest.raises(ValueError, match='^part: --amp needs .*, not ApexOptimWrapper'):
        build_protocol(label_cost).stages(label_cost)
    with pytest.raises(ValueError, match='--amp needs an optim_wrapper'):
        use_mixed_precision(Config(dict(job=dict(type='KMeansJob'))))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'only': ['masks']}, "row of only='masks' is unknown; use one of 'full'"),
        ({'only': 'full'}, "only='full' must be a list of names"),
        ({'rows.full.seconds': None}, 'protocol.rows.full has no seconds'),
        ({'rows.full.seconds': -1}, 'protocol.rows.full.seconds=-1 must be'),
        ({'rows.full.labels': ''}, 'full.labels is read by nothing: label is meant?'),
        ({'iterations': 0}, 'iterations=0 must be a number of at least 1'),
    ],
)
def test_wrong_arguments(label_cost, change, message):
    label_cost.merge_from_dict(
        {f'protocol.{key}': value for key, value in change.items()}
    )
    with pytest.raises(ValueError) as error:
        build_protocol(label_cost)
    assert message in str(error.value)


def test_a_config_that_is_missing_or_wrong_is_named(label_cost):
    label_cost.protocol.rows.part.config = label_cost.protocol.rows.part.config + 'x'
    with pytest.raises(FileNotFoundError, match='part: config .*tiny.pyx does not ex'):
        ProtocolRunner(label_cost)
    label_cost.protocol.only = ['steps']
    label_cost.protocol.rows.steps.settings = dict(protocol=dict(setup='joined'))
    with pytest.raises(ValueError, match="steps/step_0: .*setup='joined' is unknown"):
        runner = ProtocolRunner(label_cost)
        runner.check(runner.stages)


@pytest.mark.slow
def test_rows_run_and_leave_their_page(label_cost, tmp_path, run_tool):
    label_cost.protocol.only = ['full', 'steps']
    ProtocolRunner(label_cost).run()
    label_cost.protocol.only = ['part']  # the page and the results keep the others
    finished = ProtocolRunner(label_cost, resume=True).run()
    costs, notes = read_costs(tmp_path / 'run')
    assert notes == ['Each row trains for 6 iterations, over all its stages.']
    assert {c.name: list(c.score) for c in costs} == {
        'full': [finished['full']['metrics']['mIoU']],
        'part': [finished['part']['metrics']['mIoU']],
        'steps': [finished['steps/step_2']['metrics']['mIoU/all_and_background']],
    }
    assert costs[1].label == '1/3 of the masks'
    new = finished['steps/step_2']['metrics']['mIoU/new']
    assert costs[2].others == dict(new=[new])
    assert (tmp_path / 'run/label_cost.html').read_text().count('data:image/') == 2
    results = json.loads((tmp_path / 'run/results.json').read_text())
    assert list(results['stages']) == list(finished)
    assert list(results['columns']) == ['mIoU', 'mIoU/all_and_background', 'mIoU/new']
    done = run_tool('test.py', label_cost.filename, '--stage', 'full')
    assert done.returncode == 0, done.stdout
    (tested,) = (tmp_path / 'run/full/test').glob('*/results.json')
    score = json.loads(tested.read_text())['stages']['full']['metrics']['mIoU']
    assert score == pytest.approx(finished['full']['metrics']['mIoU'])


@pytest.mark.slow
@pytest.mark.parametrize('argument', ['score', 'others.teacher'])
def test_a_score_that_is_none_costs_no_result(argument, label_cost, tmp_path, capsys):
    label_cost.protocol.only = ['full']
    label_cost.merge_from_dict({f'protocol.rows.full.{argument}': 'teacher/mIoU'})
    assert list(ProtocolRunner(label_cost).run()) == ['full']
    text = capsys.readouterr()
    assert f'{argument}=teacher/mIoU is no metric of full' in text.out + text.err
    assert (tmp_path / 'run/results.json').is_file()


@pytest.mark.slow
def test_a_killed_run_goes_on_at_its_row(label_cost, tmp_path, start_tool, run_tool):
    label_cost.protocol.iterations = 60
    path = tmp_path / 'long.py'
    path.write_text(label_cost.pretty_text)
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    done = run_tool('train.py', str(path), '--work-dir', str(whole))
    assert done.returncode == 0, done.stdout

    process, _ = start_tool('train.py', path, '--work-dir', cut)
    while not (cut / 'part/last_checkpoint').exists():
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    (first,) = [c.name for c in read_costs(cut)[0] if c.score]
    assert first == 'full' and not (cut / 'part/finished.json').exists()

    marker = (cut / 'full/finished.json').stat().st_mtime_ns
    resumed = run_tool('train.py', str(path), '--work-dir', str(cut), '--resume')
    assert resumed.returncode == 0, resumed.stdout
    assert 'Stage 1 of' not in resumed.stdout and 'Stage 2 of 5' in resumed.stdout
    assert (cut / 'full/finished.json').stat().st_mtime_ns == marker
    scores = [[list(c.score) for c in read_costs(run)[0]] for run in (whole, cut)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize('config', ['demo_voc', 'voc_real'])
def test_all_rows_of_a_config_train_as_long(config, tmp_path):
    cfg = Config.fromfile(ROOT / f'configs/label_cost/{config}.py')
    cfg.work_dir = str(tmp_path)
    lengths = Counter()
    for stage in build_protocol(cfg).stages(cfg):
        lengths[stage.name.split('/')[0]] += stage.length
        if not stage.is_job:
            assert stage.cfg.param_scheduler[-1].end == stage.length, stage.name
    assert len(lengths) == 11
    assert set(lengths.values()) == {cfg.protocol.iterations}
