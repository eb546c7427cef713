"""Check whether a stage is the one that its folder already holds.

The folder's ``config.py`` is the config that the stage was run with. Two configs are
those of the same stage if they agree in what its weights and scores follow from:
model, data, schedule, optimizer, hooks, evaluators, seed, and the job. Helper
variables, worker processes, logging, how often checkpoints are saved, what tests
alone read, and the places of work dir, data and earlier stages do not count. Which
checkpoint is the best one counts (``save_best``): a protocol may hand that one on.
"""

from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

from mmengine.config import Config

from ...utils.checkpoint import CONFIG, MARKER
from ...utils.files import reading
from .base import Stage
from .config_edit import find_nodes
from .results_read import NOTE, results_read, stage_folder

_COUNT = (
    'model',
    'data_preprocessor',
    'train_dataloader',
    'val_dataloader',
    'val_evaluator',
    'train_cfg',
    'val_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'default_hooks',
    'custom_hooks',
    'load_from',
    'randomness',
    'sync_bn',
    'job',
)
# Below these keys, wherever they are, nothing counts.
_WORKERS = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
_LOOKERS_ON = ('runtime_info', 'timer', 'logger', 'visualization')
_LEFT_OUT = {
    'default_hooks': _LOOKERS_ON,
    'randomness': ('deterministic',),
}
# Below these keys nothing else counts.
_ALONE = {'default_hooks.checkpoint': ('save_best', 'rule')}
# Hooks that change neither weights nor scores.
_WATCHING = (
    'ClusterMonitorHook',
    'ClusterPanelHook',
    'PartitionHook',
    'PseudoLabelPanelHook',
    'SegVisualizationHook',
)
_MISSING = object()

Move = tuple[Path, Path]


def check_same_stage(stage: Stage) -> None:
    """Raise if the folder of a stage holds results of other settings.

    Args:
        stage: The stage that is about to be resumed, or taken as it is. A folder
            without ``config.py`` holds nothing that could differ.

    Raises:
        ValueError: Names all settings that differ: dotted key, old and new value, and
            all results of other stages that were read and are others now; or
            ``config.py`` is damaged.
    """
    cfg = stage.cfg
    file = Path(cfg.work_dir) / CONFIG
    if not file.is_file():
        return
    old = _read(file)
    differences = [*_differences(old, cfg), *_other_results(old, cfg)]
    lines = [f'  {key}: {_text(a)} -> {_text(b)}' for key, a, b in differences]
    if lines:
        raise ValueError(
            f'{cfg.work_dir} was run with other settings ({CONFIG} -> now):\n'
            + '\n'.join(lines)
            + '\nresume with the old ones, choose another --work-dir, or delete the '
            'folder and those of the stages that build on it'
        )


def check_same_protocol(cfg: Config) -> None:
    """Raise if the work dir of a run holds one of another protocol.

    Configs of several methods share a name, and so a default work dir, in which the
    stages of one would lie beside those of the other, under one table. Those of one
    protocol have stages of the same names, which :func:`check_same_stage` compares.

    Args:
        cfg: The whole config. A work dir without ``config.py``, or from whose
            ``config.py`` it was read, holds nothing that could differ.

    Raises:
        FileExistsError: It does.
        ValueError: Its ``config.py`` is damaged.
    """
    file = Path(cfg.work_dir) / CONFIG
    if not file.is_file() or was_read_from(file, cfg):
        return
    old = _protocol(_read(file))
    if old != _protocol(cfg):
        raise FileExistsError(
            f'{cfg.work_dir} holds a run of {old} ({CONFIG}), and this is one of '
            f'{_protocol(cfg)}: choose another --work-dir'
        )


def was_read_from(file: Path, cfg: Config) -> bool:
    """Whether a config comes from this very file."""
    return file.resolve() == Path(cfg.filename or '').resolve()


def _read(file: Path) -> Config:
    with reading(file, 'delete it, or the whole folder to run the stage again'):
        cfg = Config.fromfile(file)
        cfg['work_dir']
        return cfg


def _protocol(cfg: Config) -> str:
    return (cfg.get('protocol') or {}).get('type') or 'a config without protocol'


def _other_results(old: Config, new: Config) -> Iterator[tuple[str, str, str]]:
    """Results that the old run has read and the new one would find changed."""
    now = results_read(new)
    for name, before in (old.get(NOTE) or {}).items():
        if now.get(name, before) != before:
            yield f'{NOTE}.{name}', before, now[name]


def _differences(old: Config, new: Config) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, old value and new value of each setting that counts and differs."""
    before, after = dict(_settings(old)), dict(_settings(new))
    moves = _moves(
        (Path(old.work_dir).parent, Path(new.work_dir).parent),
        *((Path(before[k]), Path(after[k])) for k in _data_roots(before, after)),
    )
    for key in [*before, *(k for k in after if k not in before)]:
        a, b = before.get(key, _MISSING), after.get(key, _MISSING)
        if not key.endswith('.data_root') and not _same(a, b, moves):
            yield key, a, b


def _settings(cfg: Config) -> Iterator[tuple[str, Any]]:
    for key in _COUNT:
        if key in cfg:
            yield from _leaves(cfg[key], key)


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Values by dotted key; a list without dicts in it is one value."""
    if isinstance(node, dict):
        left_out = _LEFT_OUT.get(path, _WORKERS)
        counting = set(_ALONE.get(path, node)) - set(left_out)
        children = [(k, v) for k, v in node.items() if k in counting]
    elif isinstance(node, (list, tuple)) and next(find_nodes(node), None):
        kept = [c for c in node if not _only_watches(c)]
        children = list(enumerate(kept))
    else:
        yield path, node
        return
    if not node:
        yield path, {}
    for key, child in children:
        yield from _leaves(child, f'{path}.{key}')


def _only_watches(node: Any) -> bool:
    return isinstance(node, dict) and node.get('type') in _WATCHING


def _data_roots(before: dict, after: dict) -> Iterator[str]:
    """Keys under which both have the folder of a dataset."""
    for key in before.keys() & after.keys():
        roots = before[key], after[key]
        if key.endswith('.data_root') and all(isinstance(r, str) for r in roots):
            yield key


def _moves(*pairs: Move) -> set[Move]:
    """Where folders were and are: these, and those around them that moved as a whole.

    ``data/voc`` that is ``/disk/data/voc`` now tells that ``data`` is ``/disk/data``.
    """
    found = set(pairs)
    for old, new in pairs:
        while old.name and old.name == new.name:
            old, new = old.parent, new.parent
        found.add((old, new))
    return found


def _same(old: Any, new: Any, moves: set[Move]) -> bool:
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        return len(old) == len(new) and all(
            _same(a, b, moves) for a, b in zip(old, new, strict=True)
        )
    if old == new or not (isinstance(old, str) and isinstance(new, str)):
        return old == new
    return _moved(Path(old), Path(new), moves) or _same_result(Path(old), Path(new))


def _moved(old: Path, new: Path, moves: set[Move]) -> bool:
    """Whether one of the moves, or of the working folder, leads from old to new."""
    return old.absolute() == new.absolute() or any(
        old.is_relative_to(before) and after / old.relative_to(before) == new
        for before, after in moves
    )


def _same_result(old: Path, new: Path) -> bool:
    """Whether both are the same part of the same finished stage, perhaps of its copy.

    Where the old one is no longer there, it counts as moved.
    """
    stage = stage_folder(new)
    if stage is None:
        return False
    part = new.relative_to(stage.parent)
    if old.parts[-len(part.parts) :] != part.parts:
        return False
    before = old.parents[len(part.parts) - 2] if len(part.parts) > 1 else old
    content = [p / MARKER for p in (before, stage)]
    return not content[0].is_file() or (
        content[0].read_bytes() == content[1].read_bytes()
    )


def _text(value: Any) -> str:
    return 'not set' if value is _MISSING else shorten(repr(value), 200)
