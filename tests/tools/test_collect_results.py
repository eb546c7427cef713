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
    assert lines[0] == '| method | runs | old | new | minutes |'
    assert lines[2] == '| MiB | 2 | 45.0 ± 7.1 | - | 3 |'
    assert lines[3] == '| FT | 1 | 40.0 | - | 3 |'
    per_class = collect_results.table([('MiB', runs)], per_class=True).splitlines()
    assert per_class[0] == '| method | runs | cat | minutes |'
    assert per_class[2] == '| MiB | 2 | 20.0 ± 14.1 | 3 |'


def test_unfinished_run(tmp_path):
    with pytest.raises(FileNotFoundError, match='results.json is missing'):
        collect_results.table([('MiB', [str(tmp_path)])])
