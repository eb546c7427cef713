import importlib.util
import json
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / 'tools' / 'collect_results.py'
spec = importlib.util.spec_from_file_location('collect_results', PATH)
collect_results = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = collect_results  # dataclasses look their module up
spec.loader.exec_module(collect_results)
SCORED = dict(
    run='training', model=None, crf=False, tta=False, subset='val.txt', images=200
)


def write(folder, old, cat, **scored):
    folder.mkdir(parents=True)
    first = dict(metrics={'mIoU/old': 90.0, 'IoU/cat': 90.0}, seconds=60)
    last = dict(metrics={'mIoU/old': old, 'IoU/cat': cat}, seconds=120)
    if scored:
        last['scored'] = SCORED | scored
    content = dict(
        columns={'old': 'mIoU/old', 'new': 'mIoU/new'},
        stages=dict(step_0=first, step_1=last),
    )
    (folder / 'results.json').write_text(json.dumps(content))
    return str(folder)


def test_mean_and_spread_of_the_last_stage(tmp_path):
    runs = [write(tmp_path / 'a', 40.0, 10.0), write(tmp_path / 'b', 50.0, 30.0)]
    lines = collect_results.table([('MiB', runs), ('FT', runs[:1])]).splitlines()
    assert lines[0] == '| method | runs | old | new | scored |'
    assert lines[2] == '| MiB | 2 | 45.0 ± 7.1 | - | step_1: - |'
    assert lines[3] == '| FT | 1 | 40.0 | - | step_1: - |'
    per_class = collect_results.table([('MiB', runs)], per_class=True).splitlines()
    assert per_class[0] == '| method | runs | cat | scored |'
    assert per_class[2] == '| MiB | 2 | 20.0 ± 14.1 | step_1: - |'


def test_class_orders_are_averaged_before_seeds(tmp_path):
    a, b, c = (
        write(tmp_path / name, old, cat)
        for name, old, cat in [('a', 40.0, 10.0), ('b', 50.0, 30.0), ('c', 60.0, 50.0)]
    )
    rows = [('MiB', [f'{a}+{b}']), ('FT', [f'{a}+{b}', f'{b}+{c}'])]
    lines = collect_results.table(rows).splitlines()
    assert lines[2] == '| MiB | 1 | 45.0 | - | step_1: - |'
    assert lines[3] == '| FT | 2 | 50.0 ± 7.1 | - | step_1: - |'
    per_class = collect_results.table(rows, per_class=True).splitlines()
    assert per_class[0] == '| method | runs | cat | scored |'
    assert per_class[2] == '| MiB | 1 | 20.0 | step_1: - |'
    results = tmp_path / 'c' / 'results.json'
    results.write_text(results.read_text().replace('"new"', '"step 1"'))
    with pytest.raises(ValueError, match='different columns'):
        collect_results.table(rows)


def test_what_was_scored_is_said_and_never_mixed(tmp_path):
    first = write(tmp_path / 'first', 40.0, 10.0, model='student')
    refined = dict(run='test', model='teacher', crf=True, tta=True)
    tests = [
        write(tmp_path / name / 'test/iter_9', 50.0, 10.0, **refined)
        for name in ('first', 'second')
    ]
    lines = collect_results.table([('MT', [first]), ('CRF', tests)]).splitlines()
    assert lines[2].endswith('| step_1: student, 200 of val.txt in training |')
    assert lines[3].endswith('| step_1: teacher, CRF, TTA, 200 of val.txt by test.py |')
    with pytest.raises(
        ValueError, match='MT mixes scores of .*student.* and .*teacher'
    ):
        collect_results.table([('MT', [first, tests[0]])])
    with pytest.raises(ValueError, match='mixes scores'):
        collect_results.table([('MT', [f'{first}+{tests[0]}'])])


def test_runs_that_ended_at_different_stages_have_no_mean(tmp_path):
    whole, cut, single = (tmp_path / name for name in ('whole', 'cut', 'single'))
    for folder, ran in ((whole, 3), (cut, 2), (single, 1)):
        write(folder, 40.0, 10.0)
        results = folder / 'results.json'
        content = json.loads(results.read_text())
        stage = content['stages']['step_1']
        content['stages'] = {f'step_{k}': stage for k in range(ran)}
        results.write_text(json.dumps(content))
    for other, found in ((cut, 'step_1: -'), (single, '-')):
        with pytest.raises(ValueError, match=f'mixes scores of step_2: - and {found}:'):
            collect_results.table([('MiB', [str(whole), str(other)])])


def test_a_single_stage_is_called_after_its_folder(tmp_path):
    for name in ('seed_0', 'seed_1'):
        write(tmp_path / name, 40.0, 10.0)
        results = tmp_path / name / 'results.json'
        content = json.loads(results.read_text())
        content['stages'] = {name: content['stages']['step_1']}
        results.write_text(json.dumps(content))
    runs = [str(tmp_path / name) for name in ('seed_0', 'seed_1')]
    assert '| 40.0 ± 0.0 | - | - |' in collect_results.table([('U2PL', runs)])


def test_a_comparison_of_labels_is_no_row(tmp_path):
    folder = write(tmp_path / 'labels', 40.0, 10.0)
    (tmp_path / 'labels/label_cost.json').touch()
    with pytest.raises(ValueError, match='labels compares kinds.*join_label_costs'):
        collect_results.table([('labels', [folder])])


def test_no_log_stands_in_for_results(tmp_path):
    """Neither that of an unfinished training, nor the newest of a test."""
    log = tmp_path / '20260101_000000' / '20260101_000000.json'
    log.parent.mkdir()
    log.write_text(json.dumps({'mIoU': 30.0}))
    with pytest.raises(FileNotFoundError, match='has the run finished'):
        collect_results.table([('MiB', [str(tmp_path)])])
    tested = write(tmp_path / 'test/iter_9', 50.0, 10.0)
    with pytest.raises(FileNotFoundError, match=f'Its tests are {tested}'):
        collect_results.table([('MiB', [str(tmp_path)])])
