import json
import subprocess
import sys

import pytest

# Breaks one module after the other in a fresh interpreter, from the first that is
# imported to the last, so that no earlier case has loaded a later module.
SCRIPT = """
import importlib.abc, importlib.util, json, random, sys
from mmseg_labelfree_environment import check_environment

class Saboteur(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, name, error):
        self.name, self.error = name, error

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            return importlib.util.spec_from_loader(name, self)

    def exec_module(self, module):
        raise self.error

cases = [
    ('torch', ModuleNotFoundError("No module named 'torch'")),
    ('mmengine', ModuleNotFoundError("No module named 'mmengine'")),
    ('mmcv', OSError('libfoo.so: cannot\\n  open')),
    ('mmseg', AssertionError('MMCV==2.2.0 is used but incompatible.')),
    ('mmseg.models', ModuleNotFoundError("No module named 'mmcv._ext'")),
]
messages = []
for name, error in cases:
    saboteur = Saboteur(name, error)
    sys.meta_path.insert(0, saboteur)
    try:
        check_environment()
    except ImportError as caught:
        messages.append(str(caught))
        assert caught.__cause__ is error
    sys.meta_path.remove(saboteur)

import numpy, torch
random.seed(1), numpy.random.seed(1), torch.manual_seed(1)
before = random.getstate(), str(numpy.random.get_state()), torch.get_rng_state()
check_environment()
after = random.getstate(), str(numpy.random.get_state()), torch.get_rng_state()
from mmengine.registry import DefaultScope
print(json.dumps(dict(
    messages=messages,
    imported='mmseg.models' in sys.modules,
    same_state=before[:2] == after[:2] and bool((before[2] == after[2]).all()),
    scope=DefaultScope.get_current_instance() is not None,
)))
"""


@pytest.mark.slow
def test_each_broken_module_is_named_in_one_line(tmp_path):
    # A copy under another name, because importing the package runs the check.
    from mmseg_labelfree.utils import environment

    with open(environment.__file__, encoding='utf-8') as file:
        (tmp_path / 'mmseg_labelfree_environment.py').write_text(file.read())
    (tmp_path / 'script.py').write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, tmp_path / 'script.py'], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])

    advice = (
        'run `pip install -e ".[mminstall]"` in the checkout or '
        '`pip install "mmseg_labelfree[mminstall]"`'
    )
    reasons = {
        'torch': "ModuleNotFoundError: No module named 'torch'",
        'mmengine': "ModuleNotFoundError: No module named 'mmengine'",
        'mmcv': 'OSError: libfoo.so: cannot open',
        'mmseg': 'AssertionError: MMCV==2.2.0 is used but incompatible.',
        'mmseg.models': "ModuleNotFoundError: No module named 'mmcv._ext'",
    }
    assert result['messages'] == [
        f'mmseg_labelfree needs {name}, which cannot be imported ({reason}); {advice}'
        for name, reason in reasons.items()
    ]
    assert result['imported']
    assert result['same_state']
    assert not result['scope']


@pytest.mark.slow
def test_importing_the_package_runs_the_check(tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').write_text("raise OSError('broken build')\n")
    script = (
        f'import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport mmseg_labelfree\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        'ImportError: mmseg_labelfree needs mmcv, which cannot be imported '
        '(OSError: broken build); run `pip install'
    )
