"""Hooks, loops and loaders of a training, checked without a Runner."""

import copy
import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner, get_priority
from mmseg.registry import HOOKS, LOOPS
from torch import nn
from torch.utils.data import DataLoader

from ...utils.checkpoint import (
    check_checkpoint,
    check_finished,
    resolve_checkpoint,
)
from ...utils.choices import check_range
from ..hooks.sampler_state_hook import SamplerStateHook
from .model_check import located

__all__ = ['build_hooks', 'check_checkpoint_read', 'check_fit', 'check_loops']

_LOADERS = ('train', 'val', 'test')
_METRICS = ('aAcc', 'mIoU', 'mAcc', 'mDice', 'mFscore', 'mPrecision', 'mRecall')
_OF_CHECKPOINTS = dict(self=None, out_dir=None, filename=None)
_OF_REGISTRIES = ('type', 'by_epoch', '_scope_')
_OF_LOADERS = ('num_batch_per_epoch', 'disable_subprocess_warning')


def build_hooks(cfg: Config, folders: Sequence[str]) -> dict[str, Hook]:
    """Build all hooks, by their place; look up the checkpoints that they read."""
    found = {
        f'default_hooks.{k}': v for k, v in (cfg.get('default_hooks') or {}).items()
    }
    found |= {
        f'custom_hooks.{i} ({_kind(v)})': v
        for i, v in enumerate(cfg.get('custom_hooks') or [])
    }
    hooks = {}
    for where, settings in found.items():
        if isinstance(settings, Hook):
            hooks[where] = settings
        if not isinstance(settings, Mapping):
            continue
        with located(where):
            arguments = copy.deepcopy(dict(settings))
            get_priority(arguments.pop('priority', 'NORMAL'))
            hook = hooks[where] = HOOKS.build(arguments)
            if isinstance(hook, CheckpointHook):  # it hands on what it does not know
                _check_arguments(Runner.save_checkpoint, hook.args, _OF_CHECKPOINTS)
                _check_best(cfg, hook)
            check_checkpoint_read(settings.get('checkpoint'), folders)
    return hooks


def check_checkpoint_read(checkpoint: Any, folders: Sequence[str]) -> None:
    """Look up a checkpoint that a part of a stage reads.

    Args:
        checkpoint: A checkpoint or a stage's folder; anything else is not looked at.
        folders: Those of stages that will run, whose checkpoints are yet to come.

    Raises:
        FileNotFoundError: There is none, or its stage is not finished.
        ValueError: It is damaged.
    """
    if isinstance(checkpoint, str) and not checkpoint.startswith(tuple(folders)):
        check_finished(checkpoint)
        check_checkpoint(resolve_checkpoint(checkpoint))


def _kind(hook: Any) -> Any:
    """The type of a hook, or of its config."""
    return hook.get('type') if isinstance(hook, Mapping) else type(hook).__name__


def _check_best(cfg: Config, hook: CheckpointHook) -> None:
    """Check the metric of ``save_best``, which is asked for after a validation."""
    if not hook.save_best or cfg.get('val_cfg') is None:
        return
    both = cfg.val_cfg.get('type') == 'TeacherStudentValLoop'
    for name in hook.key_indicators:
        side, rest = name.partition('/')[0], name.rpartition('/')[2]
        right = {usual.lower(): usual for usual in _METRICS}.get(rest.lower(), rest)
        if right != rest:
            raise ValueError(f'save_best={name!r}: the metric is called {right}')
        if name != 'auto' and both != (side in ('student', 'teacher')):
            choices = ('student/', 'teacher/') if both else ('',)
            names = ' or '.join(f'{choice}{rest}' for choice in choices)
            raise ValueError(f'save_best={name!r}: this val_cfg gives {names}')


def check_fit(cfg: Config, hooks: Mapping[str, Hook], model: nn.Module) -> None:
    """Check that the model, and other hooks, are what a hook or a loop needs."""
    both = (cfg.get('val_cfg') or {}).get('type') == 'TeacherStudentValLoop'
    scored = both or getattr(model, 'val_model', None) == 'teacher'
    if scored and not any(hasattr(hook, 'gives_teacher') for hook in hooks.values()):
        raise ValueError(
            'a teacher is to be validated, and no hook gives one: add '
            "dict(type='EMATeacherHook') to custom_hooks, or set val_cfg.type='ValLoop'"
            " and model.val_model='student'"
        )
    _check_needed_hooks(list(hooks.values()), model)
    _check_epochs(cfg, hooks, model)
    for where, hook in hooks.items():
        if hasattr(hook, 'check_model'):
            with located(where):
                try:
                    hook.check_model(model, list(hooks.values()))
                except TypeError as error:  # of a model, not of a setting
                    raise ValueError(str(error)) from error


def _check_needed_hooks(hooks: Sequence[Hook], model: nn.Module) -> None:
    """Check that there are the hooks without which parts of the model do not work."""
    for part in model.modules():
        name = getattr(part, 'needed_hook', None)
        if name is not None and not any(isinstance(h, HOOKS.get(name)) for h in hooks):
            raise ValueError(
                f'{type(part).__name__} does not work without {name}: add '
                f'dict(type={name!r}) to custom_hooks'
            )


def _check_epochs(cfg: Config, hooks: Mapping[str, Hook], model: nn.Module) -> None:
    """Check that a model that counts epochs is told of them."""
    told = 'max_iters' not in cfg.train_cfg or any(
        isinstance(hook, SamplerStateHook) for hook in hooks.values()
    )
    if getattr(model, 'counts_epochs', False) and not told:
        raise ValueError(
            f'{type(model).__name__} counts epochs, which a training by iterations '
            "has none of: add dict(type='SamplerStateHook') to custom_hooks, or "
            'count iterations by model.ramp_by_epoch=False'
        )


def check_loops(cfg: Config) -> None:
    """Check the arguments of loops and loaders, which only a Runner can build."""
    for kind, usual in zip(_LOADERS, (None, 'ValLoop', 'TestLoop'), strict=True):
        loop, loader = cfg.get(f'{kind}_cfg'), cfg.get(f'{kind}_dataloader')
        if loop is not None:
            with located(f'{kind}_cfg'):
                _check_loop(loop, usual)
        if loader is not None:
            with located(f'{kind}_dataloader'):
                own = {k: v for k, v in loader.items() if k not in _OF_LOADERS}
                _check_arguments(DataLoader, own)
                check_range(0, num_workers=loader.get('num_workers', 0))


def _check_loop(loop: Mapping[str, Any], usual: str | None) -> None:
    name = loop.get('type', usual)
    if name is None:
        name = 'EpochBasedTrainLoop' if loop.get('by_epoch') else 'IterBasedTrainLoop'
    known = LOOPS.get(name) if isinstance(name, str) else name
    if known is None:
        raise ValueError(f'there is no loop {name!r}; correct its type')
    own = {k: v for k, v in loop.items() if k not in _OF_REGISTRIES}
    given = dict(runner=None, dataloader=None, evaluator=None)
    _check_arguments(known, own, given)


def _check_arguments(
    kind: Callable, own: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> None:
    """Raise a ValueError if a class does not take, or lacks, some arguments.

    Args:
        kind: The class.
        own: Arguments that a config sets.
        given: Arguments that others give, of which it takes those that it has.
    """
    parameters = inspect.signature(kind).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    taken = [name for name in parameters if name not in (given or {})]
    for name in own:
        if name not in parameters:
            similar = difflib.get_close_matches(name, taken, 1)
            advice = f'did you mean {similar[0]}' if similar else f'it takes {taken}'
            raise ValueError(f'{kind.__name__} takes no {name!r}: {advice}')
    lacking = [
        name
        for name in taken
        if parameters[name].default is inspect.Parameter.empty and name not in own
    ]
    if lacking:
        raise ValueError(f'{kind.__name__} needs {", ".join(lacking)}')
