"""One config, trained with several seeds."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..utils.files import write_text

__all__ = ['seed_folder', 'train_seeds', 'without_seeds']


def train_seeds(
    tools: Path, arguments: Sequence[str], work_dir: str, seeds: Sequence[int]
) -> int:
    """Train with each seed in a folder of its own, and write a table of all.

    Each training is a process of its own, ``tools/train.py`` with ``randomness.seed``
    set; the table, mean and standard deviation, is that of ``tools/collect_results.py``
    and goes to ``seeds.md`` in the work dir.

    Args:
        tools: Folder of the tools.
        arguments: Command line of ``tools/train.py``.
        work_dir: Folder for the folders of the seeds.
        seeds: The seeds.

    Returns:
        Exit code of the first training that failed, after which no other starts, or of
        the table.

    Raises:
        ValueError: A seed is named twice.
    """
    if len(set(seeds)) < len(seeds):
        raise ValueError(f'--seeds {" ".join(map(str, seeds))} names a seed twice')
    folders = [seed_folder(work_dir, seed) for seed in seeds]
    for seed, folder in zip(seeds, folders, strict=True):
        options = ['--work-dir', folder, *_with_seed(without_seeds(arguments), seed)]
        code = _run(tools / 'train.py', options).returncode
        if code:
            print(f'seed {seed} failed; --resume goes on from there', file=sys.stderr)
            return code
    row = f'{Path(work_dir).name}={",".join(folders)}'
    done = _run(tools / 'collect_results.py', [row], stdout=subprocess.PIPE, text=True)
    if done.returncode == 0:
        write_text(Path(work_dir, 'seeds.md'), done.stdout)
        print(done.stdout, end='')
    return done.returncode


def seed_folder(work_dir: str, seed: int) -> str:
    """Work dir of one seed.

    Example:
        >>> seed_folder('work_dirs/demo', 1)
        'work_dirs/demo/seed_1'
    """
    return str(Path(work_dir, f'seed_{seed}'))


def without_seeds(arguments: Sequence[str]) -> list[str]:
    """Take ``--seeds`` and ``--work-dir`` with their values out of a command line.

    Example:
        >>> without_seeds(['a.py', '--seeds', '0', '1', '--work-dir=w', '--resume'])
        ['a.py', '--resume']
    """
    kept: list[str] = []
    dropping = 0
    for argument in arguments:
        name, _, value = argument.partition('=')
        if name in ('--seeds', '--work-dir'):
            dropping = 0 if value else (1 if name == '--work-dir' else len(arguments))
        elif dropping and not argument.startswith('--'):
            dropping -= 1
        else:
            dropping = 0
            kept.append(argument)
    return kept


def _with_seed(arguments: Sequence[str], seed: int) -> list[str]:
    """Add ``randomness.seed`` to the ``--cfg-options`` of a command line, if any."""
    option = f'randomness.seed={seed}'
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', option]
    first = arguments.index('--cfg-options') + 1
    others = [i for i, a in enumerate(arguments) if i >= first and a[:2] == '--']
    end = min(others, default=len(arguments))  # the last of them wins
    return [*arguments[:end], option, *arguments[end:]]


def _run(tool: Path, options: Sequence[str], **settings) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(tool), *options], **settings)
