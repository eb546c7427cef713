"""The generated pages are up to date and complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from mmseg.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    TASK_UTILS,
    TRANSFORMS,
)

ROOT = Path(__file__).parents[2]
NEEDED = {
    'MiB': [5, 6, 9, 10, 11],
    'U2PL+': [10, 14, 19, 20],
    'EUMS': [6, 7],
    'STRICT': [5, 6],
    'IDDC': [1, 2, 3, 4, 5, 7],
}


def test_pages_are_up_to_date():
    command = [sys.executable, str(ROOT / 'docs/make_indexes.py'), '--check']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize('paper', NEEDED)
def test_every_main_equation_is_found_in_ops(paper):
    page = (ROOT / 'docs/equations.md').read_text(encoding='utf-8')
    section = page.split(f'## {paper}\n')[1].split('\n## ')[0]
    found = set()
    for row in section.splitlines():
        cells = row.split('|')
        if '/ops/' in row:
            for first, last in re.findall(r'(\d+)(?:-(\d+))?', cells[1]):
                found |= set(range(int(first), int(last or first) + 1))
    assert set(NEEDED[paper]) <= found


def test_every_registered_class_of_the_package_is_listed():
    page = (ROOT / 'docs/components.md').read_text(encoding='utf-8')
    registries = (
        DATA_SAMPLERS,
        DATASETS,
        HOOKS,
        LOOPS,
        METRICS,
        MODELS,
        OPTIM_WRAPPERS,
        TASK_UTILS,
        TRANSFORMS,
    )
    own = [
        name
        for registry in registries
        for name, item in registry.module_dict.items()
        if item.__module__.startswith('mmseg_labelfree.')
    ]
    assert len(own) > 60
    assert [name for name in own if f'[`{name}`]' not in page] == []
