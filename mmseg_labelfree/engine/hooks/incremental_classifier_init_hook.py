"""Hook that loads the previous step's weights into classifiers with more rows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...models.layers.step_classifier import StepClassifier
from ...ops.classifier_growth import grow_classifier
from ...utils.checkpoint import load_weights
from ...utils.choices import check_choice
from ...utils.cluster_names import data_meta
from ...utils.distributed import bare_model

_BRANCH = re.compile(r'(?P<classifier>.*conv_seg\.)steps\.\d+(?P<part>\..*)')


@HOOKS.register_module()
class IncrementalClassifierInitHook(Hook):
    """Hook that starts a step from the previous step's weights, growing classifiers.

    Every ``conv_seg`` (decode head and auxiliary heads) that has more classes than
    the checkpoint's gets the old rows and, for the new classes, rows made from the
    background's (MiB, eq. 10-11; see
    :func:`~mmseg_labelfree.ops.classifier_growth.grow_classifier`). All other weights
    must agree in name and shape, so that nothing stays random unnoticed, as
    it does with ``load_from``. On resume the hook does nothing.

    A :class:`~mmseg_labelfree.models.layers.StepClassifier` gets a branch instead.

    Args:
        checkpoint: Checkpoint file of the previous step, or its ``work_dir``.
        init: 'background' for these; 'random' keeps the new rows as the head
            initialized them and all old rows, the background's included, as they
            were (the baselines and the ablation without classifier initialization).
            'unknown' copies the unknown branch, its norm's statistics and for each new
            class its one row included (SSUL).

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: ``init`` is unknown, or not for these classifiers; the checkpoint's
            classes are not the first classes of this step (another task or order); or
            other weights than the classifiers differ, which are named.

    Example:
        ``custom_hooks=[dict(type='IncrementalClassifierInitHook',
        checkpoint='work_dirs/voc_15-5/step_0')]``
    """

    def __init__(
        self,
        checkpoint: str,
        init: Literal['background', 'random', 'unknown'] = 'background',
    ) -> None:
        check_choice('init', init, ('background', 'random', 'unknown'))
        self.checkpoint = checkpoint
        self.init = init

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model's classifiers cannot start as ``init`` says."""
        branches = any(isinstance(m, StepClassifier) for m in model.modules())
        if branches != (self.init == 'unknown'):
            needed = "'unknown'" if branches else "'background' or 'random'"
            raise ValueError(
                f'init={self.init!r} is not possible for the classifiers of '
                f'{type(model).__name__}: set protocol.classifier_init to {needed}'
            )

    def before_train(self, runner: Runner) -> None:
        """Load the previous step's weights, unless this run was resumed."""
        if runner.iter > 0:
            return
        old, meta, filename = load_weights(self.checkpoint)
        dataset = runner.train_dataloader.dataset
        _check_classes(filename, meta, getattr(dataset, 'metainfo', {}))
        model = bare_model(runner.model)
        model.load_state_dict(grow_state_dict(old, model.state_dict(), self.init))
        runner.logger.info(f'Weights of the previous step loaded from {filename}.')


def grow_state_dict(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], init: str = 'background'
) -> dict[str, Tensor]:
    """Compute the weights of the new step's model from the previous step's.

    Args:
        old: ``state_dict`` of the previous step.
        new: ``state_dict`` of the freshly initialized new model.
        init: As in :class:`IncrementalClassifierInitHook`.

    Returns:
        A complete ``state_dict`` for the new model.

    Raises:
        ValueError: Anything but the rows of ``*.conv_seg`` differs; names the keys.
    """
    grown = dict(old)
    if init == 'unknown':
        grown |= _new_branch(old, new)
    for key, weight in old.items():
        if not key.endswith('conv_seg.weight') or key not in new:
            continue
        bias_key = key.replace('conv_seg.weight', 'conv_seg.bias')
        bias, num_classes = old[bias_key], len(new[key])
        if num_classes <= len(weight):
            continue
        if init == 'background':
            grown[key], grown[bias_key] = grow_classifier(weight, bias, num_classes)
        else:
            for k in (key, bias_key):
                grown[k] = new[k].detach().cpu().clone()
                grown[k][: len(old[k])] = old[k]
    problems = [f'{k} is missing' for k in new if k not in grown]
    problems += [f'{k} is unexpected' for k in grown if k not in new]
    problems += [
        f'{k} is {tuple(grown[k].shape)} instead of {tuple(v.shape)}'
        for k, v in new.items()
        if k in grown and grown[k].shape != v.shape
    ]
    if problems:
        raise ValueError(
            "the previous step's weights differ from this step's model in more than "
            f'the classifiers: {"; ".join(problems[:10])}'
            + (f'; and {len(problems) - 10} more' if len(problems) > 10 else '')
        )
    return grown


def _new_branch(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weights of the branches that ``old`` lacks, from its unknown one."""
    added = {}
    for key, value in new.items():
        found = _BRANCH.fullmatch(key)
        if found and key not in old:
            source = old[found['classifier'] + 'unknown' + found['part']]
            added[key] = source.expand_as(value).clone()
    return added


def _check_classes(filename: str, meta: Mapping, metainfo: Mapping) -> None:
    """Refuse a checkpoint whose classes are not the first ones of this step."""
    old = data_meta(meta).get('classes')
    new = metainfo.get('classes')
    if old and new and list(new[: len(old)]) != list(old):
        raise ValueError(
            f'{filename} belongs to another task or class order: its classes '
            f'{list(old)} are not the first classes of this step, {list(new)}'
        )
