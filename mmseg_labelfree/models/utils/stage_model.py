"""Loading of the trained segmentor of an earlier stage."""

import copy
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any

from mmseg.models import BaseSegmentor
from mmseg.registry import MODELS

from ...utils.checkpoint import load_weights

_KEYS = ('backbone', 'neck', 'decode_head', 'test_cfg', 'data_preprocessor')
_CLASSIFIER = 'decode_head.conv_seg.weight'
_STEP = 'decode_head.conv_seg.steps.{}.classify.weight'


def stage_model_config(student: Mapping) -> dict[str, Any]:
    """Make the config of the stock ``EncoderDecoder`` of a stage, without losses.

    Args:
        student: Config of that model.
    """
    cfg = copy.deepcopy({k: student[k] for k in _KEYS if k in student})
    cfg['type'] = 'EncoderDecoder'
    cfg['decode_head'].pop('loss_decode', None)
    return cfg


def load_stage_model(
    checkpoint: str | os.PathLike,
    student: Mapping,
    model: Mapping | None = None,
) -> BaseSegmentor:
    """Build a segmentor and load the weights of an earlier stage.

    Args:
        checkpoint: Checkpoint file, or the ``work_dir`` whose last one is meant.
        student: Config of the model of the present stage.
        model: Config of the segmentor. Defaults to the backbone, neck and decode head
            of ``student``, with as many classes as the checkpoint's
            ``decode_head.conv_seg``, as a stock ``EncoderDecoder``.

    Returns:
        The segmentor on the CPU, in training mode as built.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The weights do not fit; names the keys.
    """
    state_dict, _, filename = load_weights(checkpoint)
    cfg = copy.deepcopy(model)
    if cfg is None:
        cfg = stage_model_config(student)
        cfg['decode_head'].update(_class_counts(state_dict))
        state_dict = {
            k: v for k, v in state_dict.items() if not k.startswith('auxiliary_head.')
        }
    segmentor = MODELS.build(cfg)
    try:
        segmentor.load_state_dict(state_dict)
    except RuntimeError as error:
        raise ValueError(
            f'the weights in {filename} do not fit the model: {error}'
        ) from error
    return segmentor


def _class_counts(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a decode head that say how many classes its weights have."""
    if _CLASSIFIER in weights:
        return dict(num_classes=len(weights[_CLASSIFIER]))
    sizes = [*_step_sizes(weights)]
    return dict(step_sizes=sizes, num_classes=1 + sum(sizes)) if sizes else {}


def _step_sizes(weights: Mapping[str, Any]) -> Iterator[int]:
    """Number of classes of each branch of a ``StepBranchHead``."""
    for step in itertools.count():
        if (key := _STEP.format(step)) not in weights:
            return
        yield len(weights[key])
