"""The README's commands, and the checks that ``.ci/run`` and ``make`` hold."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TEST_COMMAND = ('<!-- test-command -->', '```bash', 'mkdir .venv', '```')

CONF = '''"""Settings."""

project = 'project'
'''
MODULE = '''"""Nothing."""


def nothing() -> None:
    """Do nothing."""
    return None
'''


def run(script, cwd, **env):
    """Run a script with this interpreter's tools first on the path."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.run(
        [str(script)],
        cwd=cwd,
        env={**os.environ, 'PATH': path, **env},
        capture_output=True,
        text=True,
    )


def command_lines(text, marker):
    """Return the lines of the fenced block that follows the marker line."""
    block = re.search(
        rf'^<!-- {marker} -->\n+```bash\n(.*?)^```$', text, re.MULTILINE | re.DOTALL
    )
    return block[1].splitlines()


def small_project(folder, *readme):
    """A project with this one's checks, on which all of them pass."""
    shutil.copytree(ROOT / '.ci', folder / '.ci')
    # Its tools import what this package lacks, so their types are not checked.
    settings = (ROOT / 'pyproject.toml').read_text()
    settings = settings.replace(
        "files = ['mmseg_labelfree', 'tools']", "files = ['mmseg_labelfree']"
    )
    (folder / 'pyproject.toml').write_text(settings)
    package = folder / 'mmseg_labelfree'
    package.mkdir()
    (package / '__init__.py').write_text(MODULE)
    (folder / 'README.md').write_text('\n'.join(['# Title', *readme, '']))
    (folder / 'docs/images').mkdir(parents=True)
    (folder / 'docs/conf.py').write_text(CONF)
    (folder / 'docs/index.rst').write_text('Title\n=====\n')
    scripts = 'docs/make_indexes.py', 'docs/make_drawings.py'
    files = *scripts, 'docs/drawings.yaml', 'tools/make_config_tables.py'
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    for script in scripts:
        subprocess.run([sys.executable, folder / script], check=True)
    (folder / 'configs/method').mkdir(parents=True)
    (folder / 'configs/method/config.py').write_text('model = dict()\n')
    return folder / '.ci' / 'run'


def test_readme_holds_one_line_per_command():
    text = (ROOT / 'README.md').read_text()
    (demo,) = command_lines(text, 'demo-command')
    (test,) = command_lines(text, 'test-command')
    for command in (demo, test):
        assert command.startswith('python -m venv .venv && . .venv/bin/activate && pip')
    extras = re.search(r'pip install -e "\.\[([\w,]+)\]"', test)[1].split(',')
    assert set(extras) == {'mminstall', 'tests', 'crf', 'docs'}
    assert test.endswith('&& pytest')


@pytest.mark.slow
def test_ci_runs_the_command_of_the_readme(tmp_path):
    script = small_project(
        tmp_path,
        '<!-- demo-command -->',
        '```bash',
        'echo demo > ran',
        '```',
        '<!-- test-command -->',
        '```bash',
        'mkdir .venv && echo "a  b" > ran',
        '```',
        '```bash',
        'echo more > ran',
        '```',
    )
    done = run(script, tmp_path.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / 'ran').read_text() == 'a  b\n'
    assert done.stdout.splitlines()[0] == '+ mkdir .venv && echo "a  b" > ran'
    assert '| leaf configs | 1 (method: 1) |' in done.stdout
    assert not (tmp_path / '.venv').exists()


def test_ci_extracts_what_this_readme_says(tmp_path):
    (command,) = command_lines((ROOT / 'README.md').read_text(), 'test-command')
    script = small_project(tmp_path)
    shutil.copy(ROOT / 'README.md', tmp_path)
    bin_dir = tmp_path / 'bin'
    bin_dir.mkdir()
    # the first word of the command stops the run before anything is installed
    (bin_dir / command.split()[0]).write_text('#!/bin/sh\nexit 3\n')
    (bin_dir / command.split()[0]).chmod(0o755)
    path = f'{bin_dir}{os.pathsep}{os.environ["PATH"]}'
    done = run(script, tmp_path, PATH=path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[0] == f'+ {command}'


def test_ci_fails_when_the_tests_fail(tmp_path):
    script = small_project(
        tmp_path, '<!-- test-command -->', '```bash', 'mkdir .venv && false', '```'
    )
    assert run(script, tmp_path).returncode != 0
    assert not (tmp_path / '.venv').exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ('file', 'text', 'message'),
    [
        ('module.py', 'VALUE = "double quotes"\n', 'module.py:1'),
        ('tests/module.py', 'import os\n', 'F401'),
        ('notes.md', 'This was ' + 're' + 'cieved.\n', 'received'),
        ('docs/page.md', '[here](nowhere.md)\n', 'docs/page.md:1: nowhere.md: no such'),
        ('docs/page.md', '# A\n\n[here](#b)\n', 'docs/page.md:3: #b: no such heading'),
        (
            'mmseg_labelfree/a.py',
            '"""A."""\n\nb: int = \'c\'\n',
            'a.py:3: error: Incomp',
        ),
        ('docs/components.md', '# Old\n', 'components.md is out of date'),
        ('docs/index.rst', 'Title\n=====\n\n:doc:`gone`\n', 'unknown document'),
    ],
)
def test_ci_fails_when_a_check_fails(tmp_path, file, text, message):
    script = small_project(tmp_path, *TEST_COMMAND)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    done = run(script, tmp_path)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr  # Sphinx writes to the second
    assert not (tmp_path / '.venv').exists()


def test_links_to_pages_headings_and_pictures_are_found(tmp_path):
    small_project(tmp_path, *TEST_COMMAND)
    (tmp_path / 'docs/flow.svg').write_text('<svg/>')
    (tmp_path / 'docs/page.md').write_text(
        '# A (b), `c_d`\n\n[1](#a-b-c_d) [2](../README.md#title) ![3](flow.svg)\n'
        '[4](https://example.org/#x) `[5](nowhere.md)` [6](../docs) [7](#e-1)\n\n'
        '## E\n\n## E\n'
    )
    done = subprocess.run(
        [sys.executable, tmp_path / '.ci/check_links.py'],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (
        0,
        '4 pages: all links inside them resolve\n',
    )


def test_the_workflow_runs_what_is_there():
    """Its commands are targets of make, scripts and the installation of the README."""
    text = (ROOT / '.github/workflows/tests.yml').read_text()
    jobs = yaml.safe_load(text)['jobs']
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.M))
    used = set()
    for step in (step for job in jobs.values() for step in job['steps']):
        program, *arguments = shlex.split(step.get('run', 'none'))
        used |= {program, *arguments}
        if program == 'make':
            assert set(arguments) <= targets
        elif program == 'python':
            assert (ROOT / arguments[0]).is_file()
        elif program == 'pip':
            assert arguments[-1] in (ROOT / 'README.md').read_text()
    assert {'test', 'test-original', 'lint', 'types', 'docs'} <= used
    tried = jobs['forks']['strategy']['matrix']['python']
    assert f"python_requires='>={tried[0]}'" in (ROOT / 'setup.py').read_text()
    assert jobs['original']['strategy']['matrix']['python'] == ['3.10', '3.11']


def test_ci_needs_a_command_and_leaves_an_environment_alone(tmp_path):
    script = small_project(tmp_path, '```bash', 'echo demo', '```')
    done = run(script, tmp_path)
    assert done.returncode == 1
    assert 'README.md has no fenced command after <!-- test-command -->' in done.stderr

    (tmp_path / '.venv').mkdir()
    (tmp_path / 'README.md').write_text('<!-- test-command -->\n```bash\ntrue\n```\n')
    done = run(script, tmp_path)
    assert done.returncode == 1
    assert '.venv exists' in done.stderr
    assert (tmp_path / '.venv').is_dir()
