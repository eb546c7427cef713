"""One config, trained with several seeds."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from mmengine.config import Config

from ..utils.console import say
from ..utils.files import write_text
from ..utils.signals import stops_call
from ..visualization.label_cost import join_label_costs
from .protocols import LabelCostProtocol, build_protocol

__all__ = ['report_seeds', 'seed_folder', 'train_seeds', 'without_seeds']


def train_seeds(
    tool: Path, arguments: Sequence[str], work_dir: str, seeds: Sequence[int]
) -> int:
    """Train with each seed in a folder of its own.

    Each training is a process of its own, with ``randomness.seed`` set.

    Args:
        tool: ``tools/train.py``.
        arguments: Its command line.
        work_dir: Folder for the folders of the seeds.
        seeds: The seeds.

    Returns:
        Exit code of the first training that failed, after which no other starts; or 0.

    Raises:
        ValueError: A seed is named twice.
    """
    if len(set(seeds)) < len(seeds):
        raise ValueError(f'--seeds {" ".join(map(str, seeds))} names a seed twice')
    common = [sys.executable, str(tool), *without_seeds(arguments)]
    for seed in seeds:
        own = ['--work-dir', seed_folder(work_dir, seed)]
        own += ['--cfg-options', f'randomness.seed={seed}']  # the last one wins
        code = _run([*common, *own])
        if code:
            print(f'seed {seed} failed; --resume goes on from there', file=sys.stderr)
            return code
    return 0


def _run(command: Sequence[str]) -> int:
    """Run a command to its end, also that by a signal; its exit code.

    It says by itself that it was stopped: a terminal interrupts it, too, and SIGTERM,
    which schedulers send to this process alone, is passed on.
    """
    with subprocess.Popen(command) as child:

        def stop(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGTERM:
                child.send_signal(number)

        with stops_call(stop):
            return child.wait()


def report_seeds(tools: Path, cfg: Config, seeds: Sequence[int]) -> int:
    """Write what the trainings of several seeds have in common: mean and deviation.

    This is the table of ``tools/collect_results.py``, in ``seeds.md`` in the work dir;
    for a ``LabelCostProtocol`` it is ``label_cost.html`` there, as
    ``tools/join_label_costs.py`` makes it.

    Args:
        tools: Folder of the tools.
        cfg: Config of the trainings, with the ``work_dir`` that has their folders.
        seeds: The seeds.

    Returns:
        Exit code.

    Raises:
        FileNotFoundError, ValueError: See
            :func:`~mmseg_labelfree.visualization.label_cost.join_label_costs`.
    """
    if isinstance(build_protocol(cfg), LabelCostProtocol):
        folders = [seed_folder(cfg.work_dir, seed) for seed in seeds]
        say(f'Mean and spread are in {join_label_costs(folders, cfg.work_dir)}')
        return 0
    names = [seed_folder('', seed) for seed in seeds]  # the work dir may have any name
    row = f'{Path(cfg.work_dir).name.replace("=", " ")}={",".join(names)}'
    command = [sys.executable, str(tools.resolve() / 'collect_results.py'), row]
    done = subprocess.run(
        command, cwd=cfg.work_dir, stdout=subprocess.PIPE, encoding='utf-8'
    )
    if done.returncode == 0:
        write_text(Path(cfg.work_dir, 'seeds.md'), done.stdout)
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
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--seeds', nargs='+')
    parser.add_argument('--work-dir')
    return parser.parse_known_args(arguments)[1]
