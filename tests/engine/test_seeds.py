"""``--seeds`` of tools/train.py."""

import json
import os
import re
import runpy
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_labelfree.engine.seeds import report_seeds, seed_folder, train_seeds
from mmseg_labelfree.engine.training import train
from mmseg_labelfree.visualization.cost_rows import LabelCost, read_costs
from mmseg_labelfree.visualization.label_cost import write_label_cost

from ..conftest import FORK

TOOLS = Path(__file__).parents[2] / 'tools'
# Stands in for train.py: it prints its command line, as a line of JSON.
ECHO = 'import json, sys\nprint(json.dumps(sys.argv[1:]))\n'


@pytest.fixture
def parse(monkeypatch):
    """Parse a command line as ``tools/train.py`` does."""
    monkeypatch.setenv('LOCAL_RANK', '0')
    parse_args = runpy.run_path(str(TOOLS / 'train.py'))['parse_args']

    def parse(tool, line):
        monkeypatch.setattr('sys.argv', [str(tool), *line])
        return parse_args()

    return parse


@pytest.fixture
def echo(tmp_path):
    tool = tmp_path / 'train.py'
    tool.write_text(ECHO)
    return tool


@pytest.mark.parametrize(
    ('line', 'options'),
    [
        (['c.py', '--seeds', '3', '4', '--amp'], []),
        (['c.py', '--amp', '--seeds=3', '--cfg-options=a=1'], ['a=1']),
        (['c.py', '--cfg-options', 'a=1', '--amp', '--seeds', '3'], ['a=1']),
        (
            ['--cfg-options', 'a=1', '--seeds', '3', '--cfg-options', 'b=2', 'c=3']
            + ['--work-dir=v', '--amp', 'c.py'],
            ['a=1', 'b=2', 'c=3'],
        ),
        (
            ['--seeds', '3', '--work-dir', 'v', '--amp', 'c.py']
            + ['--cfg-options', 'randomness.seed=9'],
            ['randomness.seed=9'],
        ),
    ],
)
def test_each_seed_has_all_other_options(line, options, parse, echo, capfd):
    seeds = parse(echo, line).seeds
    assert train_seeds(echo, line, 'w', seeds) == 0
    lines = [json.loads(text) for text in capfd.readouterr().out.splitlines()]
    for seed, found in zip(seeds, lines, strict=True):
        args = parse(echo, found)
        assert args.cfg_options == [*options, f'randomness.seed={seed}']
        assert args.work_dir == f'w/seed_{seed}' and args.amp
        assert args.config == 'c.py' and args.seeds is None


def test_a_seed_twice(tmp_path):
    with pytest.raises(ValueError, match='names a seed twice'):
        train_seeds(tmp_path, ['c.py'], 'w', [1, 1])


def test_a_dry_run_has_no_table(tiny, tmp_path, parse, echo, capfd):
    line = [tiny.filename, '--seeds', '0', '1', '--dry-run', f'--work-dir={tmp_path}']
    with pytest.raises(SystemExit) as end:
        train(parse(echo, line))
    assert end.value.code == 0
    printed = capfd.readouterr()
    assert len(printed.out.splitlines()) == 2 and not printed.err
    assert not (tmp_path / 'seeds.md').exists()


def test_the_table_of_a_folder_of_any_name(tmp_path):
    work_dir = tmp_path / 'u2pl+,lr=0.1'
    for seed, miou in enumerate((40.0, 50.0)):
        folder = Path(seed_folder(str(work_dir), seed))
        folder.mkdir(parents=True)
        stage = dict(metrics=dict(mIoU=miou), seconds=9)
        content = dict(columns=dict(mIoU='mIoU'), stages={folder.name: stage})
        (folder / 'results.json').write_text(json.dumps(content))
    cfg = Config(dict(work_dir=str(work_dir)))
    assert report_seeds(TOOLS, cfg, [0, 1]) == 0
    table = (work_dir / 'seeds.md').read_text('utf-8')
    assert table.endswith('| u2pl+,lr 0.1 | 2 | 45.0 ± 7.1 | - |\n')
    assert report_seeds(TOOLS, cfg, [0, 1, 2]) == 1


def test_a_comparison_of_labels_ends_with_its_page(label_cost, capsys):
    row = LabelCost('full', 'full masks', 240.0)
    for seed, score in enumerate((60.0, 63.0)):
        folder = seed_folder(label_cost.work_dir, seed)
        write_label_cost(folder, [replace(row, score=[score])], 'boxes')
    assert report_seeds(TOOLS, label_cost, [0, 1]) == 0
    page = Path(label_cost.work_dir, 'label_cost.html')
    assert '61.5 ± 2.1' in page.read_text('utf-8')
    assert f'Mean and spread are in {page}' in capsys.readouterr().out
    assert read_costs(page.parent)[1] == ['Mean and spread of 2 runs.']
    assert not page.with_name('seeds.md').exists()


@pytest.mark.slow
def test_mean_and_spread_of_two_seeds(tiny, tmp_path, run_tool):
    config = tmp_path / 'tiny.py'
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    work_dir = tmp_path / 'seeds'
    line = [config, '--seeds', '5', '6', '--work-dir', work_dir, *options]
    done = run_tool('train.py', *line)
    assert done.returncode == 0, done.stdout
    table = (work_dir / 'seeds.md').read_text()
    assert re.search(r'\| seeds \| 2 \| \d+\.\d ± \d+\.\d', table)
    assert table in done.stdout
    for seed in (5, 6):
        log = next((work_dir / f'seed_{seed}').glob('*/*.log')).read_text()
        assert f'seed: {seed}' in log or f'seed={seed}' in log
    done = run_tool('train.py', config, '--seeds', '5', '--launcher', 'pytorch')
    assert done.returncode == 2 and '--seeds trains in one process' in done.stdout


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_the_training_of_a_seed(number, tmp_path):
    tool, note = tmp_path / 'train.py', tmp_path / 'process'
    tool.write_text(
        'import os, pathlib, signal, time\n'
        f'signal.signal({int(number)}, lambda number, _: os._exit(128 + number))\n'
        f'pathlib.Path({str(note)!r}).write_text(str(os.getpid()) + ".")\n'
        'time.sleep(60)\n'
    )

    def run():
        os.setpgrp()  # a terminal interrupts all of them
        sys.exit(train_seeds(tool, ['c.py'], 'w', [3, 4]))

    process = FORK.Process(target=run)
    process.start()
    while not (note.is_file() and note.read_text().endswith('.')):
        time.sleep(0.01)
    seed = int(note.read_text()[:-1])
    (os.kill if number == signal.SIGTERM else os.killpg)(process.pid, number)
    process.join()
    assert process.exitcode == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(seed, 0)
