import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = {'mminstall', 'crf', 'tests', 'docs', 'export'}
pytestmark = pytest.mark.slow  # builds, and starts other interpreters


def run(*command, cwd, check=True, **env):
    """Run a command with this interpreter's tools first on the path."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, 'PATH': path, **env},
        capture_output=True,
        text=True,
        check=check,
    )


def requirement_lines(name):
    text = (ROOT / 'requirements' / f'{name}.txt').read_text()
    lines = [line.split('#')[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of what a build needs, so that building leaves the checkout clean."""
    copy = tmp_path_factory.mktemp('source')
    ignore = shutil.ignore_patterns('__pycache__')
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, copy)
    for name in ('requirements', 'mmseg_labelfree', 'configs', 'tools'):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in ('CHANGELOG.md', 'model-index.yml'):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    target = tmp_path_factory.mktemp('wheel')
    run(sys.executable, 'setup.py', '-q', 'bdist_wheel', '-d', target, cwd=source)
    (path,) = target.glob('*.whl')
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_metadata(wheel):
    from mmseg_labelfree.version import __version__

    (name,) = (n for n in wheel.namelist() if n.endswith('.dist-info/METADATA'))
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata['Name'].replace('-', '_') == 'mmseg_labelfree'
    assert metadata['Version'] == __version__
    assert metadata['Requires-Python'] == '>=3.10'
    assert set(metadata.get_all('Provides-Extra')) == EXTRAS
    classifiers = '\n'.join(metadata.get_all('Classifier'))
    jobs = yaml.safe_load((ROOT / '.github/workflows/tests.yml').read_text())['jobs']
    tested = jobs['forks']['strategy']['matrix']['python']
    assert re.findall(r'Python :: (3\.\d+)', classifiers) == tested


def test_every_requirements_file_is_read(wheel):
    assert {p.stem for p in (ROOT / 'requirements').iterdir()} == EXTRAS | {'runtime'}
    (name,) = (n for n in wheel.namelist() if n.endswith('.dist-info/METADATA'))
    metadata = Parser().parsestr(wheel.read(name).decode())
    read = {}
    for line in metadata.get_all('Requires-Dist'):
        requirement, _, marker = line.partition(';')
        extra = re.search(r'extra == ["\'](\w+)["\']', marker)
        file = extra[1] if extra else 'runtime'
        read.setdefault(file, set()).add(requirement.strip())
    for name in EXTRAS | {'runtime'}:
        lines = {line.partition(';')[0] for line in requirement_lines(name)}
        assert read[name] == lines, name


def test_forks_are_not_forced_on_a_plain_install():
    assert not [line for line in requirement_lines('runtime') if 'mm' in line]
    assert all(line.startswith('onedl-mm') for line in requirement_lines('mminstall'))


def test_wheel_ships_package_configs_and_tools(wheel):
    def files(folder):
        paths = (ROOT / folder).rglob('*')
        found = {p.relative_to(ROOT) for p in paths if p.is_file()}
        return {p.as_posix() for p in found if '__pycache__' not in p.parts}

    shipped = {name for name in wheel.namelist() if '.dist-info/' not in name}
    assert shipped == files('mmseg_labelfree') | {
        f'mmseg_labelfree/.mim/{name}'
        for name in files('configs') | files('tools') | {'model-index.yml'}
    }
    assert 'mmseg_labelfree/.mim/tools/dist_train.sh' in shipped
    assert 'mmseg_labelfree/py.typed' in shipped


INSTALLED = """
import json, sys
from mmengine.config import Config
from mmengine.hub import get_config, get_model

import mmseg_labelfree

own = Config.fromfile(sys.argv[1])
leaf = 'mmseg_labelfree::u2pl/demo_voc_40.py'
model = get_model(leaf)
print(json.dumps(dict(
    package=mmseg_labelfree.__file__,
    task=own.protocol.task,
    stages=len(mmseg_labelfree.engine.protocols.build_protocol(own).stages(own)),
    config=get_config('mmseg_labelfree::mib/demo_voc_15-1.py').protocol.task,
    model=type(model).__name__,
)))
"""


def test_configs_of_an_installed_wheel_are_found_by_name(wheel, tmp_path):
    site = tmp_path / 'site'
    wheel.extractall(site)
    own = tmp_path / 'own.py'
    own.write_text(
        "_base_ = 'mmseg_labelfree::mib/demo_voc_15-1.py'\n"
        'model = dict(decode_head=dict(dropout_ratio=0.2))\n'
        "protocol = dict(task='voc_15-5', setup=_base_.protocol.setup)\n"
        "work_dir = 'x'\n"
    )
    script = tmp_path / 'script.py'
    script.write_text(INSTALLED)
    done = run(sys.executable, script, own, cwd=tmp_path, PYTHONPATH=str(site))
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == dict(
        package=str(site / 'mmseg_labelfree/__init__.py'),
        task='voc_15-5',
        stages=2,
        config='voc_15-1',
        model='U2PLEncoderDecoder',
    )
    assert 'Failed to' not in done.stdout + done.stderr


def test_rebuilding_drops_configs_that_are_gone(source, tmp_path):
    stale = tmp_path / 'mmseg_labelfree' / '.mim' / 'configs' / 'gone.py'
    stale.parent.mkdir(parents=True)
    stale.write_text('')
    run(sys.executable, 'setup.py', '-q', 'build_py', '-d', tmp_path, cwd=source)
    assert not stale.exists()
    assert (tmp_path / 'mmseg_labelfree' / '.mim' / 'tools' / 'dist_test.sh').exists()


def test_source_archive_can_be_built_from(source, tmp_path):
    run(sys.executable, 'setup.py', '-q', 'sdist', '-d', tmp_path, cwd=source)
    (archive,) = tmp_path.glob('*.tar.gz')
    shutil.unpack_archive(archive, tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for name in (
        'requirements/mminstall.txt',
        'tools/slurm_train.sh',
        'model-index.yml',
        'LICENSE',
    ):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()


def test_license_is_apache_2():
    text = (ROOT / 'LICENSE').read_text()
    assert 'Apache License\n' in text
    assert 'Version 2.0, January 2004' in text
    assert 'END OF TERMS AND CONDITIONS' in text


@pytest.fixture
def scripts(tmp_path):
    """The launch scripts beside entry points that only report how they were called."""
    tools = tmp_path / 'a checkout' / 'tools'
    tools.mkdir(parents=True)
    for name in ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh'):
        shutil.copy(ROOT / 'tools' / name, tools)
    report = (
        'import json, os, pathlib, sys\n'
        "rank = os.environ['RANK']\n"
        "path = os.environ['PYTHONPATH'].split(os.pathsep)[0]\n"
        "seen = dict(argv=sys.argv[1:], size=os.environ['WORLD_SIZE'], path=path)\n"
        "pathlib.Path(__file__).with_name(f'rank{rank}.json').write_text(\n"
        '    json.dumps(seen))\n'
    )
    for name in ('train.py', 'test.py'):
        (tools / name).write_text(report)
    return tools


@pytest.mark.parametrize(
    ('script', 'arguments', 'expected'),
    [
        (
            'dist_train.sh',
            ['my config.py', '2', '--work-dir', 'work dir'],
            ['my config.py', '--launcher', 'pytorch', '--work-dir', 'work dir'],
        ),
        (
            'dist_test.sh',
            ['my config.py', 'last one.pth', '1', '--tta'],
            ['my config.py', 'last one.pth', '--launcher', 'pytorch', '--tta'],
        ),
    ],
)
def test_dist_scripts_start_every_process(scripts, script, arguments, expected):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    run(scripts / script, *arguments, cwd=scripts, PORT=port, OMP_NUM_THREADS='1')
    reports = sorted(scripts.glob('rank*.json'))
    size = len(reports)
    assert str(size) in arguments
    for report in reports:
        assert json.loads(report.read_text()) == dict(
            argv=expected, size=str(size), path=str(scripts.parent)
        )


def test_slurm_script_hands_its_arguments_to_srun(scripts, tmp_path):
    srun = tmp_path / 'bin' / 'srun'
    srun.parent.mkdir()
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    path = f'{srun.parent}{os.pathsep}{os.environ["PATH"]}'
    done = run(
        scripts / 'slurm_train.sh',
        'gpu part',
        'job',
        'my config.py',
        '--resume',
        cwd=tmp_path,
        PATH=path,
        GPUS='16',
        SRUN_ARGS='--mem=8G --time=10',
    )
    assert done.stdout.splitlines() == [
        '--partition=gpu part',
        '--job-name=job',
        '--gres=gpu:8',
        '--ntasks=16',
        '--ntasks-per-node=8',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        '--mem=8G',
        '--time=10',
        'python',
        '-u',
        str(scripts / 'train.py'),
        'my config.py',
        '--launcher',
        'slurm',
        '--resume',
    ]


@pytest.mark.parametrize(
    ('script', 'arguments'),
    [
        ('dist_train.sh', ['config.py']),
        ('dist_test.sh', ['config.py', 'last.pth']),
        ('slurm_train.sh', ['partition', 'job']),
    ],
)
def test_scripts_say_how_to_call_them(scripts, script, arguments):
    done = run(scripts / script, *arguments, cwd=scripts, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f'usage: tools/{script} ')
