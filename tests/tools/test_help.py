"""``--help`` of each tool, and the tools and configs that texts name."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = (
    'against_literal',
    'benchmark_parsers',
    'converter_parser',
    'loss_step',
    'peak_memory',
    'step_timing',
    'weight_files',
)
TOOLS = sorted(p for p in ROOT.glob('tools/**/*.py') if p.stem not in SHARED)
# Those of MMSegmentation are in tools/dataset_converters.
PATH = (
    r'(?<![\w/])(?:configs|tools/(?!dataset_conv))[\w/-]*[\w-][\w.-]*\.(?:py|sh|md)\b'
)
PAGES = sorted(
    page
    for folder in ('.', 'configs', 'data', 'docs', 'tools', 'mmseg_labelfree')
    for pattern in (('*.md',) if folder == '.' else ('**/*.md', '**/*.py', '**/*.sh'))
    for page in (ROOT / folder).glob(pattern)
    if page.name != 'CHANGELOG.md'
)


HELP = """if True:
    import json, runpy, sys
    sys.argv = sys.argv[1:]
    sys.path.insert(0, sys.argv[0].rpartition('/')[0])  # as Python does
    try:
        runpy.run_path(sys.argv[0], run_name='__main__')
    except SystemExit as end:
        assert end.code == 0
    slow = {'torch', 'mmcv', 'mmengine', 'mmseg', 'mmpretrain', 'mmseg_labelfree'}
    print(json.dumps(sorted(slow & {*sys.modules})), file=sys.stderr)
"""


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize('tool', TOOLS, ids=name)
def test_help_waits_for_no_framework(tool):
    command = [sys.executable, '-c', HELP, str(tool), '--help']
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.startswith(f'usage: {tool.name} ') and '-h, --help' in run.stdout
    assert json.loads(run.stderr) == []  # and no warnings


NEEDED = dict(make_partition=['--number', '9'], pseudo_label_quality=['x.pth'])


@pytest.mark.parametrize(
    'tool', [t for t in TOOLS if "'--cfg-options'" in t.read_text('utf-8')], ids=name
)
def test_options_add_up_and_have_one_name(tool, monkeypatch, capsys):
    monkeypatch.setenv('LOCAL_RANK', '0')  # train.py and test.py set it
    parse_args = runpy.run_path(str(tool))['parse_args']
    line = ['c.py', *NEEDED.get(tool.stem, []), '--cfg-options', 'a=1', 'b=2']
    monkeypatch.setattr('sys.argv', [tool.name, *line, '--cfg-options=c=3'])
    assert parse_args().cfg_options == ['a=1', 'b=2', 'c=3']
    for other in ('--cfg-option', '--cfg-opt'):
        monkeypatch.setattr('sys.argv', [tool.name, *line, other, 'c=3'])
        with pytest.raises(SystemExit):
            parse_args()
        assert f'unrecognized arguments: {other}' in capsys.readouterr().err


def test_tools_and_configs_that_are_named_exist():
    named = {
        (name(page), path)
        for page in PAGES
        for path in re.findall(PATH, page.read_text(encoding='utf-8'))
    }
    assert len(named) > 50
    assert [n for n in sorted(named) if not (ROOT / n[1]).exists()] == []
