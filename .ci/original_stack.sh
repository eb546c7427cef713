#!/usr/bin/env bash
# Runs the tests on the original packages of OpenMMLab, see .ci/original_stack.txt:
#
#     .ci/original_stack.sh [ARGUMENTS OF PYTEST]
#
# They go into an environment of their own, $VENV (.venv-original), which is made by
# $PYTHON (python3) and kept for the next time; torch alone downloads some 2 GB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${VENV:-.venv-original}
[[ -e $venv/bin/python ]] || "${PYTHON:-python3}" -m venv "$venv"
. "$venv/bin/activate"
pip install --quiet -r .ci/original_stack.txt -c .ci/original_stack.txt \
    -r requirements/tests.txt -r requirements/crf.txt -e .

# THE STAND-IN for mmcv's compiled operators: `import mmseg.models` asks for each of
# them, our tests for none, and to compile them takes half an hour. Calling one fails.
python - <<'PYTHON'
import sysconfig
from pathlib import Path

STAND_IN = '''"""Stand-in for mmcv's compiled operators, written by .ci/original_stack.sh."""


def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)

    def missing(*args, **kwargs):
        raise NotImplementedError(f'mmcv was built without its operators: {name}')

    return missing
'''
Path(sysconfig.get_path('purelib'), 'mmcv', '_ext.py').write_text(STAND_IN)
PYTHON

pip list 2> /dev/null | grep -iE '^(torch|torchvision|numpy|onedl.*|mm[a-z]+(-lite)?) '
exec pytest "$@"
