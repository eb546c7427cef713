"""The trained segmentor of an earlier stage."""

import copy
import os
from collections.abc import Mapping
from typing import Any

from mmseg.models import BaseSegmentor
from mmseg.registry import MODELS

from ...utils.checkpoint import load_weights

_KEYS = ('backbone', 'neck', 'decode_head', 'test_cfg', 'data_preprocessor')
_CLASSIFIER = 'decode_head.conv_seg.weight'


def stage_model_config(student: Mapping) -> dict[str, Any]:
    """Config of the stock ``EncoderDecoder`` in the model of a stage, without losses.

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
        model: Config of the segmentor. Default: the backbone, neck and decode head of
            ``student``, with as many classes as the checkpoint's
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
        if _CLASSIFIER in state_dict:
            cfg['decode_head']['num_classes'] = len(state_dict[_CLASSIFIER])
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
