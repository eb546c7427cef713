"""Trainings of other lengths: their schedules, and what else counts iterations."""

import copy
from collections.abc import Sequence
from dataclasses import replace

from mmengine.config import Config

from .base import Stage
from .config_edit import find_nodes, schedulers_of

__all__ = ['share_iterations', 'shares', 'stretch']

#: Arguments that count iterations, of schedulers, of segmentors and of hooks.
_SCHEDULER = ('begin', 'end')
_MODEL = (
    'warmup_iters',
    'classifier_iters',
    'propagation_begin',
    'contrast_start',
    'ramp_up',
)
_HOOK = ('begin', 'end')


def share_iterations(stages: Sequence[Stage], total: int) -> list[Stage]:
    """Let the trainings of a protocol take so many iterations together.

    Each keeps its share of them, and is validated once, at its end, see
    :func:`stretch`. Jobs stay as they are.

    Args:
        stages: All stages, which are not changed.
        total: The sum.

    Returns:
        Copies of the stages.

    Raises:
        ValueError: A training counts epochs.
    """
    stages = [replace(stage, cfg=copy.deepcopy(stage.cfg)) for stage in stages]
    trainings = [stage for stage in stages if not stage.is_job]
    for stage in trainings:
        if 'max_iters' not in stage.cfg.train_cfg:
            raise ValueError(
                f'{stage.name} counts epochs; give its config iterations, '
                'train_cfg.max_iters'
            )
    old = [stage.cfg.train_cfg.max_iters for stage in trainings]
    new = shares(old, total)
    for index, stage in enumerate(trainings):
        stretch(stage.cfg, new[index])
        for later in trainings[index + 1 :]:
            _rename(later.cfg.model, stage.cfg.work_dir, old[index], new[index])
    return stages


def shares(lengths: Sequence[int], total: int) -> list[int]:
    """Share out a sum in proportion to lengths, in whole numbers.

    Example:
        >>> shares([1000, 120, 120], 620)
        [500, 60, 60]
    """
    ends = [sum(lengths[: k + 1]) for k in range(len(lengths))]
    rounded = [0, *(round(total * end / ends[-1]) for end in ends)]
    return [b - a for a, b in zip(rounded, rounded[1:], strict=False)]


def stretch(cfg: Config, length: int) -> None:
    """Change the length of a training, and of all in it that counts iterations.

    These are ``begin`` and ``end`` of its schedulers and of hooks with
    ``by_epoch=False``, ``copy_iters`` of hooks, and ``warmup_iters``,
    ``classifier_iters``, ``propagation_begin``, ``contrast_start`` and ``ramp_up``
    (with ``ramp_by_epoch=False``) of its model, as far as the config sets them.

    Args:
        cfg: Config of a training by iterations, which is changed.
        length: Its new length.

    Example:
        >>> cfg = Config(dict(model=dict(warmup_iters=6), train_cfg=dict(max_iters=9)))
        >>> stretch(cfg, 3)
        >>> cfg.model.warmup_iters, cfg.train_cfg.max_iters
        (2, 3)
    """
    share = length / cfg.train_cfg.max_iters
    cfg.train_cfg.update(max_iters=length, val_interval=length)
    by_epoch = cfg.model.get('ramp_by_epoch', True)
    model = [key for key in _MODEL if key != 'ramp_up' or not by_epoch]
    _scale([cfg.model], model, share)
    hooks = cfg.get('custom_hooks') or []
    _scale([h for h in hooks if h.get('by_epoch') is False], _HOOK, share)
    _scale(hooks, ['copy_iters'], share)
    schedulers = schedulers_of(cfg)
    _scale([s for s in schedulers if s.get('by_epoch') is False], _SCHEDULER, share)


def _scale(nodes: Sequence[dict], keys: Sequence[str], share: float) -> None:
    for node in nodes:
        for key in keys:
            if node.get(key):  # what begins at once still does
                node[key] = max(1, round(node[key] * share))


def _rename(model: dict, folder: str, old: int, new: int) -> None:
    """Let a model that starts from an earlier stage's weights find them."""
    for node in find_nodes(model):
        if node.get('checkpoint') == f'{folder}/iter_{old}.pth':
            node['checkpoint'] = f'{folder}/iter_{new}.pth'
