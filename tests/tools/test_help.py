"""``--help`` of each tool, and the tools and configs that texts name."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = (
    'against_literal',
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


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize('tool', TOOLS, ids=name)
def test_help(tool, monkeypatch, capsys):
    monkeypatch.syspath_prepend(tool.parent)
    monkeypatch.setattr(sys, 'argv', [tool.name, '--help'])
    try:
        runpy.run_path(str(tool), run_name='__main__')
    except SystemExit as end:  # torch's `record` swallows that of code 0
        assert end.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f'usage: {tool.name} ') and '-h, --help' in text


def test_tools_and_configs_that_are_named_exist():
    named = {
        (name(page), path)
        for page in PAGES
        for path in re.findall(PATH, page.read_text(encoding='utf-8'))
    }
    assert len(named) > 50
    assert [n for n in sorted(named) if not (ROOT / n[1]).exists()] == []
