"""Fusing the weights of two steps, against the authors' numbers and a loop."""

import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.ops.weight_fusion import fuse_weights, new_share

from ..reference_inputs import wave


def test_authors_numbers():
    """Of the code of EWF (schuy1er/EWF_official 560382d), which fuses a saved file."""
    old = dict(
        body=wave(2, 3, phase=0.1, scale=1),
        running_var=wave(3, phase=0.4, scale=1) ** 2,
        counter=torch.tensor(100),
        classifier=wave(4, 3, 1, 1, phase=0.2, scale=1),
    )
    added = wave(2, 3, 1, 1, phase=0.8, scale=1)
    new = dict(
        body=wave(2, 3, phase=0.6, scale=1),
        running_var=wave(3, phase=0.9, scale=1) ** 2,
        counter=torch.tensor(40),
        classifier=torch.cat([wave(4, 3, 1, 1, phase=0.25, scale=1), added]),
    )
    share = new_share(4, 2)
    assert share == pytest.approx(0.5773502692, abs=1e-10)
    fused = fuse_weights(old, new, share)
    want = dict(
        body=[
            *(0.3681910507, 0.9533556711, -0.1044130545),
            *(0.8746829581, 0.5884586763, -0.723923026),
        ],
        running_var=[0.4183561437, 0.9223089631, 0.6081246133],
        classifier=[
            *(0.2268062817, 0.9994289309, 0.0526838555),
            *(0.8211534495, 0.7259414389, -0.6303685513),
        ],
    )
    for key, values in want.items():
        found = fused[key].flatten()[: len(values)]
        assert_close(
            found, torch.tensor(values, dtype=torch.float64), rtol=0, atol=1e-9
        )
    assert torch.equal(fused['classifier'][4:], added)
    assert fused['counter'] == 40  # theirs becomes 65.36, a number of nothing


@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_each_value_lies_between(share):
    old, new = dict(w=torch.randn(3, 2)), dict(w=torch.randn(5, 2))
    fused = fuse_weights(old, new, share)['w']
    for i in range(5):
        for j in range(2):
            want = float(new['w'][i, j])
            if i < 3:
                want = (1 - share) * float(old['w'][i, j]) + share * want
            assert float(fused[i, j]) == pytest.approx(want, abs=1e-6)


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match='only one of the two models has b'):
        fuse_weights(dict(a=torch.ones(2)), dict(a=torch.ones(2), b=torch.ones(2)), 0.5)
    for shape in ((2, 3), (1, 4)):
        with pytest.raises(ValueError, match='a of shape .* does not hold the old'):
            fuse_weights(dict(a=torch.ones(2, 4)), dict(a=torch.ones(shape)), 0.5)
