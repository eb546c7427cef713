import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / 'tools' / 'collect_results.py'
spec = importlib.util.spec_from_file_location('collect_results', PATH)
collect_results = importlib.util.module_from_spec(spec)
spec.loader.exec_module(collect_results)


def write(folder, old, cat):
    folder.mkdir()
    first = dict(metrics={'mIoU/old': 90.0, 'IoU/cat': 90.0}, seconds=60)
    last = dict(metrics={'mIoU/old': old, 'IoU/cat': cat}, seconds=120)
    content = dict(
        columns={'old': 'mIoU/old', 'new': 'mIoU/new'},
        stages=dict(step_0=first, step_1=last),
    )
    (folder / 'results.json').write_text(json.dumps(content))
    return str(folder)


def test_mean_and_spread_of_the_last_stage(tmp_path):
    runs = [write(tmp_path / 'a', 40.0, 10.0), write(tmp_path / 'b', 50.0, 30.0)]
    lines = collect_results.table([('MiB', runs), ('FT', runs[:1])]).splitlines()
    assert lines[0] == '| method | runs | old | new |'
    assert lines[2] == '| MiB | 2 | 45.0 ± 7.1 | - |'
    assert lines[3] == '| FT | 1 | 40.0 | - |'
    per_class = collect_results.table([('MiB', runs)], per_class=True).splitlines()
    assert per_class[0] == '| method | runs | cat |'
    assert per_class[2] == '| MiB | 2 | 20.0 ± 14.1 |'


def test_class_orders_are_averaged_before_seeds(tmp_path):
    a, b, c = (
        write(tmp_path / name, old, cat)
        for name, old, cat in [('a', 40.0, 10.0), ('b', 50.0, 30.0), ('c', 60.0, 50.0)]
    )
    rows = [('MiB', [f'{a}+{b}']), ('FT', [f'{a}+{b}', f'{b}+{c}'])]
    lines = collect_results.table(rows).splitlines()
    assert lines[2] == '| MiB | 1 | 45.0 | - |'
    assert lines[3] == '| FT | 2 | 50.0 ± 7.1 | - |'
    per_class = collect_results.table(rows, per_class=True).splitlines()
    assert per_class[0] == '| method | runs | cat |'
    assert per_class[2] == '| MiB | 1 | 20.0 |'
    results = tmp_path / 'c' / 'results.json'
    results.write_text(results.read_text().replace('"new"', '"step 1"'))
    with pytest.raises(ValueError, match='different columns'):
        collect_results.table(rows)


def test_last_score_of_plain_runs(tmp_path):
    training = tmp_path / '20260101_000000' / 'vis_data'
    training.mkdir(parents=True)
    scores = [{'loss': 1.0}, {'mIoU': 10.0, 'aAcc': 50.0}, {'mIoU': 20.0, 'aAcc': 60.0}]
    (training / 'scalars.json').write_text('\n'.join(map(json.dumps, scores)))
    lines = collect_results.table([('MiB', [str(tmp_path)])]).splitlines()
    assert lines[0] == '| method | runs | mIoU | accuracy |'
    assert lines[2] == '| MiB | 1 | 20.0 | 60.0 |'
    test = tmp_path / '20260101_000001'
    test.mkdir()
    (test / '20260101_000001.json').write_text(json.dumps({'mIoU': 30.0, 'aAcc': 70.0}))
    lines = collect_results.table([('MiB', [str(tmp_path)])]).splitlines()
    assert lines[2] == '| MiB | 1 | 30.0 | 70.0 |'


def test_rows_with_and_without_a_teacher(tmp_path):
    runs = dict(SupOnly={'mIoU': 10.0}, MT={'student/mIoU': 20.0, 'teacher/mIoU': 30.0})
    for name, metrics in runs.items():
        log = tmp_path / name / '20260101_000000' / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text(json.dumps(metrics))
    rows = [(name, [str(tmp_path / name)]) for name in runs]
    lines = collect_results.table(rows).splitlines()
    assert lines[0] == '| method | runs | mIoU | mIoU, student | mIoU, teacher |'
    assert lines[2] == '| SupOnly | 1 | 10.0 | - | - |'
    assert lines[3] == '| MT | 1 | - | 20.0 | 30.0 |'


def test_unfinished_run(tmp_path):
    with pytest.raises(FileNotFoundError, match='has the run finished'):
        collect_results.table([('MiB', [str(tmp_path)])])
