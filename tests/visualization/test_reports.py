import json
import math

from mmseg_labelfree.utils.metafile import PublishedResult
from mmseg_labelfree.visualization import print_table, write_report

RESULTS = {
    'step_0': dict(
        metrics={'mIoU/old': 51.24, 'IoU/cat': 51.24}, seconds=12.3, iterations=4
    ),
    'step_1': dict(
        metrics={
            'mIoU/old': 40.0,
            'mIoU/new': math.nan,
            'IoU/cat': 40.0,
            'IoU/dog': math.nan,
        },
        seconds=7,
        iterations=4,
    ),
}
COLUMNS = {'old': 'mIoU/old', 'new': 'mIoU/new'}
PUBLISHED = PublishedResult({'mIoU/new': 13.5, 'mIoU/all': 29.7}, 'Table 1')


def test_report_files(tmp_path):
    scalars = tmp_path / 'step_0' / '20200101' / 'vis_data'
    scalars.mkdir(parents=True)
    lines = [json.dumps(dict(loss=2.0 / s, step=s)) for s in (1, 2)]
    (scalars / 'scalars.json').write_text('\n'.join([*lines, '{"loss": 1', '']))
    write_report(tmp_path, RESULTS, COLUMNS, 'demo')
    content = json.loads((tmp_path / 'results.json').read_text())
    assert content['stages']['step_0']['metrics']['mIoU/old'] == 51.24
    table = (tmp_path / 'results.md').read_text().splitlines()
    assert table[0] == '# demo'
    assert '| step_0 | 51.2 | - | 12 |' in table
    assert '| step_1 | 40.0 | - | 7 |' in table
    assert '| cat | 40.0 |' in table and '| dog | - |' in table
    assert (tmp_path / 'curves.png').read_bytes()[:4] == b'\x89PNG'
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'curves.png',
        'results.json',
        'results.md',
        'step_0',
    ]


def test_published_figures_stand_in_the_last_row(tmp_path, capsys):
    write_report(tmp_path, RESULTS, COLUMNS, 'demo', PUBLISHED)
    table = (tmp_path / 'results.md').read_text().split('\n\n')[2].splitlines()
    assert table[-1] == '| published (Table 1) | - | 13.5 | - |'
    content = json.loads((tmp_path / 'results.json').read_text())
    assert content['published']['metrics'] == PUBLISHED.metrics
    assert content['published']['table'] == 'Table 1'
    print_table(RESULTS, COLUMNS, PUBLISHED)
    assert 'published (Table 1)' in capsys.readouterr().out
    write_report(tmp_path, RESULTS, COLUMNS, 'demo')
    assert json.loads((tmp_path / 'results.json').read_text())['published'] is None
    assert 'published' not in (tmp_path / 'results.md').read_text()


def test_terminal_table(capsys):
    print_table(RESULTS, COLUMNS)
    printed = capsys.readouterr().out
    assert 'step_1' in printed and '51.2' in printed and 'mIoU in percent' in printed


def test_terminal_table_is_never_cut(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')
    columns = {f'column {i}': f'mIoU/{i}' for i in range(12)}
    metrics = {key: 51.24 for key in columns.values()}
    print_table({'step_0': dict(metrics=metrics, seconds=7)}, columns)
    printed = capsys.readouterr().out
    assert printed.count('51.2') == 12 and '…' not in printed
