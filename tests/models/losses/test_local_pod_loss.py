"""Local POD against the numbers of the authors' code (CVPR2021_PLOP 4b4a060)."""

import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.models.losses import LocalPODLoss

from ...reference_inputs import wave


def maps(phases, shapes):
    return [wave(2, *s, phase=p) for p, s in zip(phases, shapes, strict=True)]


SHAPES = [(4, 8, 8), (5, 4, 4)]
OLD = maps((0.2, 1.2, 0.9), [*SHAPES, (4, 4, 4)])


def new():
    found = maps((0.5, 1.5, 1.3), [*SHAPES, (6, 4, 4)])
    return [x.requires_grad_() for x in found]


def near(found, want, tolerance=1e-8):
    want = torch.tensor(want, dtype=found.dtype)
    assert_close(found, want, rtol=tolerance, atol=tolerance)


def test_value_and_gradients():
    student = new()
    value = LocalPODLoss()(student, OLD)
    value.backward()
    near(value.detach(), 0.3906782654)
    near(student[0].grad.norm(), 0.0197109442)
    near(student[0].grad.flatten()[:2], [0.000827378913, 0.00111800542])
    near(student[2].grad.norm(), 0.00554847291)
    near(student[2].grad.flatten()[:2], [0.00162501252, 0.00128442026])


def test_maps_that_are_not_square():
    old = maps((0.2, 0.9), [(3, 9, 11), (4, 9, 11)])
    student = maps((0.5, 1.3), [(3, 9, 11), (6, 9, 11)])
    student[0].requires_grad_()
    value = LocalPODLoss()(student, old)
    value.backward()
    near(value.detach(), 0.3189651287)
    near(student[0].grad.norm(), 0.0273957142)


def test_equal_maps_have_no_gradient():
    student = [OLD[0].clone().requires_grad_(), *new()[1:]]
    value = LocalPODLoss()(student, OLD)
    value.backward()
    near(value.detach(), 0.1994034976)
    assert not student[0].grad.any()


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match='logit_weight=-1 must be'):
        LocalPODLoss(logit_weight=-1)
    with pytest.raises(ValueError, match='scales must be numbers of at least 1'):
        LocalPODLoss(scales=(0, 2))
