"""The teacher of a checkpoint as a checkpoint of its own."""

import importlib
from pathlib import Path

import torch
from torch import nn

from mmseg_labelfree.utils.checkpoint import load_checkpoint
from mmseg_labelfree.utils.checkpoint_fit import check_fit
from mmseg_labelfree.utils.cluster_names import matched_classes

CONVERTERS = Path(__file__).parents[2] / 'tools/model_converters'


def test_clusters_keep_their_names_and_the_classes_of_the_data(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(CONVERTERS)
    tool = importlib.import_module('ema_teacher_to_mmseg')
    model = nn.ModuleDict(dict(head=nn.Linear(2, 3)))
    classes = ['background', 'cat', 'dog']
    meta = dict(
        dataset_meta=dict(classes=['background', 'dog', 'cat']),  # of the outputs
        data_meta=dict(classes=classes),
    )
    weights = dict(model.state_dict())
    content = dict(state_dict=weights, ema_teacher=dict(state_dict=weights), meta=meta)
    source, teacher = tmp_path / 'iter_4.pth', tmp_path / 'teacher.pth'
    torch.save(content, source)
    tool.main([str(source), str(teacher)])
    found, name = load_checkpoint(teacher)
    check_fit(model, classes, found, name)
    assert matched_classes(found['meta'], 1) == ['dog', 'cat']
