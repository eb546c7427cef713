"""Functions with which protocols edit the configs of their stages, in place."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from ..optim.mixed_precision import use_mixed_precision


def find_nodes(config: Any, node_type: str | None = None) -> Iterator[dict]:
    """Yield the dicts of a nested config, outermost first.

    Args:
        config: A config, or any part of one.
        node_type: Value of ``type`` that the dicts have; None for all dicts.
    """
    children = config
    if isinstance(config, (dict, Config)):
        if node_type is None or config.get('type') == node_type:
            yield config
        children = list(config.values())
    if isinstance(children, (list, tuple)):
        for child in children:
            yield from find_nodes(child, node_type)


def schedulers_of(config: Config) -> list[dict]:
    """List the schedules of a config; none where each optimizer has its own."""
    found = config.get('param_scheduler') or []
    if isinstance(found, dict):
        return [found] if 'type' in found else []
    return [*found]


def find_texts(config: Any) -> Iterator[str]:
    """Yield all text in a nested config, or in any part of one."""
    if isinstance(config, str):
        yield config
    elif isinstance(config, Mapping):
        yield from find_texts([*config.values()])
    elif isinstance(config, list | tuple):
        for child in config:
            yield from find_texts(child)


def set_arguments(config: Any, node_type: str, **settings: Any) -> bool:
    """Set arguments of every node of a type; returns whether there is one."""
    nodes = list(find_nodes(config, node_type))
    for node in nodes:
        for name, value in settings.items():
            node[name] = value
    return bool(nodes)


def set_dataset_arguments(stage: Config, wrapper: str, **settings: Any) -> None:
    """Set arguments of the wrapper around every dataset of a protocol.

    Args:
        stage: Config of a stage.
        wrapper: ``type`` of the wrapper, without which the protocol cannot work.
        **settings: The arguments.

    Raises:
        ValueError: No dataset has the wrapper.
    """
    if not set_arguments(stage, wrapper, **settings):
        raise ValueError(
            f'{stage.filename}: the protocol needs datasets wrapped in '
            f'dict(type={wrapper!r}, dataset=...)'
        )


def set_class_counts(
    model: Mapping,
    num_classes: int,
    num_old_classes: int | None = None,
    step_sizes: Sequence[int] | None = None,
) -> None:
    """Set the class counts of all heads and of their losses.

    Args:
        model: Config of a segmentor.
        num_classes: ``num_classes`` of the decode head and of the auxiliary heads, and
            of what has it inside of them.
        num_old_classes: ``num_old_classes`` of the losses that have it, background
            included; None leaves it as it is.
        step_sizes: ``step_sizes`` of the heads that have it, new classes of each step;
            None leaves it as it is.
    """
    for node in find_nodes([model.get('decode_head'), model.get('auxiliary_head')]):
        if 'num_classes' in node:
            node['num_classes'] = num_classes
        if num_old_classes is not None and 'num_old_classes' in node:
            node['num_old_classes'] = num_old_classes
        if step_sizes is not None and 'step_sizes' in node:
            node['step_sizes'] = step_sizes


def add_hook(stage: Config, **hook: Any) -> None:
    """Append ``dict(type=..., ...)`` to ``custom_hooks``."""
    stage.custom_hooks = [*(stage.get('custom_hooks') or []), hook]


def forget_pretraining(stage: Config) -> None:
    """Remove all pretrained weights that the model would load by itself."""
    stage.load_from = None
    stage.model.pretrained = None
    for node in find_nodes(stage.model):
        init_cfg = node.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            node['init_cfg'] = None


def start_from(stage: Config, checkpoint: str, **settings: Any) -> None:
    """Let a stage start from the weights of an earlier one, and from no others.

    Args:
        stage: Config of a stage.
        checkpoint: Checkpoint of the earlier stage, or its folder.
        **settings: More arguments of
            :class:`~mmseg_labelfree.engine.hooks.IncrementalClassifierInitHook`.
    """
    forget_pretraining(stage)
    add_hook(
        stage,
        type='IncrementalClassifierInitHook',
        checkpoint=checkpoint,
        **settings,
    )


def take_from_run(stage: Config, cfg: Config) -> None:
    """Let a config from a file of its own run as the whole run does.

    Args:
        stage: Gets seed, launcher, wrapper of the model and mixed precision, whatever
            its own are. In the wrapper its ``find_unused_parameters`` holds, if it has
            that.
        cfg: The whole config, in which the command line has set them.
    """
    for key in ('randomness', 'launcher', 'model_wrapper_cfg'):
        if key in cfg:
            stage[key] = copy.deepcopy(cfg[key])
    unused = 'find_unused_parameters'
    if 'model_wrapper_cfg' in cfg and unused in stage:
        stage.model_wrapper_cfg[unused] = stage[unused]
    if cfg.get('mixed_precision'):
        use_mixed_precision(stage)


def keep_best(stage: Config, metric: str) -> None:
    """Let a stage keep the checkpoint with the largest value of a metric.

    Args:
        stage: Config of a stage.
        metric: Key of the validation's metrics. Its ``val_interval`` says how often
            there is a choice.
    """
    hooks = dict(stage.get('default_hooks') or {})
    saving = dict(type='AtomicCheckpointHook') | dict(hooks.get('checkpoint') or {})
    hooks['checkpoint'] = dict(saving, save_best=metric, rule='greater')
    stage.default_hooks = hooks
