"""What a result was made by: command, commit and environment."""

import functools
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmcv
import mmseg
import numpy as np
from mmengine.dist import get_world_size
from mmengine.utils.dl_utils import collect_env

__all__ = ['run_origin']

_PACKAGE = Path(__file__).parents[1]


def run_origin() -> dict[str, Any]:
    """Describe the running process, so that its results can be made again.

    Returns:
        ``command``, as it was typed; ``commit`` of this package's checkout, with
        ``-dirty`` if files differ from it, None for an installed package;
        ``processes``, their number; ``environment``, versions of everything below the
        package, compiler and devices, by name.

    Example:
        >>> sorted(run_origin())
        ['command', 'commit', 'environment', 'processes']
    """
    return dict(
        command=shlex.join([Path(sys.executable).name, *sys.argv]),
        commit=_commit(),
        processes=get_world_size(),
        environment=_environment(),
    )


@functools.cache
def _commit() -> str | None:
    if _git('ls-files', '--error-unmatch', '__init__.py') is None:
        return None  # it lies in a folder that git does not know
    return _git('describe', '--always', '--dirty', '--abbrev=40', '--exclude=*')


def _git(*arguments: str) -> str | None:
    """What git prints about the package's folder; None if it cannot."""
    command = ['git', '-C', str(_PACKAGE), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@functools.cache
def _environment() -> dict[str, str]:
    found = collect_env()
    found.pop('numpy_random_seed', None)  # not that of the training
    found |= {'MMSegmentation': mmseg.__version__, 'MMCV': mmcv.__version__}
    found['NumPy'] = np.__version__
    return {name: ' '.join(str(value).split()) for name, value in found.items()}
