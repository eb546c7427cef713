"""Settings of a training that will do nothing, or less than they seem to."""

import logging
from collections.abc import Iterator, Sequence

from mmengine.config import Config
from mmengine.logging import print_log

from .base import Stage
from .config_edit import find_nodes, schedulers_of

__all__ = ['say_useless', 'useless_settings']

#: Arguments of a segmentor that belong to another one.
_NEEDS = dict(
    confidence_threshold='confidence_weight',
    mixing_area='mixing',
    mixing_classes='mixing',
    mixing_partner='mixing',
    mixing_per_sample='mixing',
    mixing_prob='mixing',
)

_WARMUPS = ('LinearLR', 'ConstantLR')


def useless_settings(stage: Stage) -> list[str]:
    """List what a stage's config sets in vain: it begins after the end, for instance.

    Args:
        stage: A training; of a job nothing is known.

    Returns:
        A line for each setting: its key, and why it does nothing.

    Example:
        >>> cfg = Config(dict(model=dict(warmup_iters=9), train_cfg=dict(max_iters=9)))
        >>> useless_settings(Stage('a', cfg))
        ['model.warmup_iters=9 leaves nothing of the 9 iterations of the training']
    """
    if stage.is_job:
        return []
    cfg = stage.cfg
    checks = (_warmup, _alone, _hooks, _schedulers, _epochs, _without_step)
    return [line for check in checks for line in check(cfg)]


def say_useless(stages: Sequence[Stage]) -> None:
    """Log each setting that does nothing, with its stages."""
    found: dict[str, list[str]] = {}
    for stage in stages:
        for line in useless_settings(stage):
            found.setdefault(line, []).append(stage.name)
    for line, names in found.items():
        text = f'{", ".join(names)}: {line}'
        print_log(text, logger='current', level=logging.WARNING)


def _length(cfg: Config, by_epoch: bool) -> float:
    """Length of the training in epochs or iterations; infinite where it is unknown."""
    found = cfg.train_cfg.get('max_epochs' if by_epoch else 'max_iters')
    return float('inf') if found is None else found


def _warmup(cfg: Config) -> Iterator[str]:
    iterations = _length(cfg, by_epoch=False)
    warmup = cfg.model.get('warmup_iters', 0)
    if warmup >= iterations:
        yield (
            f'model.warmup_iters={warmup} leaves nothing of the {iterations} '
            'iterations of the training'
        )


def _alone(cfg: Config) -> Iterator[str]:
    for key, needed in _NEEDS.items():
        if key in cfg.model and not cfg.model.get(needed):
            yield f'model.{key}={cfg.model[key]!r} does nothing without model.{needed}'


def _hooks(cfg: Config) -> Iterator[str]:
    for index, hook in enumerate(cfg.get('custom_hooks') or ()):
        length = _length(cfg, hook.get('by_epoch', True))
        if 'begin' in hook and hook['begin'] >= length:
            yield (
                f'custom_hooks.{index}.begin={hook["begin"]}: {hook["type"]} never '
                f'acts, as the training ends at {length}'
            )


def _schedulers(cfg: Config) -> Iterator[str]:
    for index, scheduler in enumerate(schedulers_of(cfg)):
        key = f'param_scheduler.{index}'
        length = _length(cfg, scheduler.get('by_epoch', True))
        begin, end = scheduler.get('begin', 0), scheduler.get('end', 0)
        if begin >= length:
            yield f'{key}.begin={begin}: it never acts, the training ends at {length}'
        elif end > length + 1:  # a schedule may count from 1
            yield f'{key}.end={end} is not reached, as the training ends at {length}'
        elif begin == 0 and end == length and scheduler['type'] in _WARMUPS:
            yield f'{key} warms up until the end of the training, {length}'


def _epochs(cfg: Config) -> Iterator[str]:
    """What counts epochs, by its default as a rule, in a training by iterations."""
    if 'max_iters' not in cfg.train_cfg:
        return
    advice = 'counts epochs, and a training by iterations has one: set by_epoch=False'
    for index, scheduler in enumerate(schedulers_of(cfg)):
        after_validation = 'ReduceOnPlateau' in str(scheduler['type'])
        by_epoch = scheduler.get('by_epoch', True)
        converted = scheduler.get('convert_to_iter_based', False)
        if by_epoch and not converted and not after_validation:
            yield f'param_scheduler.{index} ({scheduler["type"]}) {advice}'
    saving = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if 'interval' in saving and saving.get('by_epoch', True):
        yield f'default_hooks.checkpoint.interval={saving["interval"]} {advice}'


def _without_step(cfg: Config) -> Iterator[str]:
    """MiB's cross-entropy where neither data nor teacher are those of a step."""
    parts = cfg.get('train_dataloader'), cfg.get('custom_hooks')
    names = 'IncrementalDataset', 'FrozenTeacherHook'
    found = [
        any(find_nodes(part, name)) for part, name in zip(parts, names, strict=True)
    ]
    for loss in find_nodes(cfg.model, 'UnbiasedCrossEntropyLoss'):
        if loss.get('num_old_classes', 1) > 1 and not any(found):
            yield (
                f'UnbiasedCrossEntropyLoss(num_old_classes={loss["num_old_classes"]}) '
                'is for a step of a task: without IncrementalDataset and a teacher '
                '(FrozenTeacherHook) hardly any background is learned; use '
                'CrossEntropyLoss'
            )
