import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import box_masks, varied_box_masks


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.integers(4, 40),
    st.integers(4, 40),
    st.sampled_from([0.25, 0.5, 0.7]),
    st.integers(0, 2**31),
)
def test_boxes(num, height, width, area, seed):
    masks = box_masks(num, height, width, area, generator=seeded(seed))
    assert masks.dtype == torch.bool and masks.shape == (num, height, width)
    for mask in masks:
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        box_height, box_width = len(rows), len(columns)
        assert mask.sum() == box_height * box_width  # a full rectangle
        assert (rows.diff() == 1).all() and (columns.diff() == 1).all()
        assert min(int(area * width) + 1, width - 1) <= box_width < width
        exact = area * height * width / box_width
        assert abs(box_height - min(max(exact, 1), height)) <= 0.5 + 1e-4


def test_boxes_reach_every_side_evenly():
    masks = box_masks(4000, 20, 30, generator=seeded())
    widths = masks.any(1).sum(1).float()
    counts = torch.bincount(widths.long(), minlength=30)[16:30]
    assert counts.min() > 200 and counts.max() < 370  # 4000 / 14 = 286 each
    share = masks.float().mean(0)
    torch.testing.assert_close(share, share.flip(0), atol=0.03, rtol=0)
    torch.testing.assert_close(share, share.flip(1), atol=0.03, rtol=0)
    assert masks.float().mean() == pytest.approx(0.5, abs=0.01)


@settings(deadline=None)
@given(st.integers(6, 40), st.integers(6, 40), st.integers(0, 2**31))
def test_boxes_of_varied_form(height, width, seed):
    masks = varied_box_masks(3, height, width, (0.1, 0.4), generator=seeded(seed))
    assert masks.dtype == torch.bool and masks.shape == (3, height, width)
    for mask in masks:
        box_height, box_width = int(mask.any(1).sum()), int(mask.any(0).sum())
        assert mask.sum() == box_height * box_width  # a full rectangle
        assert box_height * box_width <= 0.4 * height * width + 1e-3
        assert (box_height + 1) * (box_width + 1) > 0.1 * height * width - 1e-3
        assert box_height <= (box_width + 1) / 0.3 + 1e-3
        assert box_width <= (box_height + 1) / 0.3 + 1e-3


def test_boxes_in_a_narrow_image_lie_inside():
    masks = varied_box_masks(300, 6, 40, (0.39, 0.4), generator=seeded())
    heights, widths = masks.any(2).sum(1), masks.any(1).sum(1)
    assert set(heights.tolist()) == {5, 6} and widths.min() >= 13
    assert torch.equal(masks.sum((1, 2)), heights * widths)
    narrow = varied_box_masks(5, 2, 100, (0.4, 0.4), generator=seeded())
    assert torch.equal(narrow.any(2).sum(1), torch.full((5,), 2))  # no form fits


def redrawn(uniform, integer):
    """Rows and columns of a box in 40 x 40, by the loop of LiheYoung/UniMatch 0324f3d.

    The area stays, the rest is redrawn.
    """
    pixels = (0.02 + 0.38 * uniform()) * 1600
    while True:
        ratio = 0.3 + (1 / 0.3 - 0.3) * uniform()
        height, width = int((pixels * ratio) ** 0.5), int((pixels / ratio) ** 0.5)
        left, top = integer(40), integer(40)
        if left + width <= 40 and top + height <= 40:
            return top, top + height, left, left + width


def test_a_box_of_the_code():
    draws = iter([0.11, 0.48])
    places = iter([13, 7919 + 13])
    box = redrawn(lambda: next(draws), lambda n: next(places) % n)
    assert box == (12, 25, 13, 20)  # theirs
    area, ratio = 0.02 + 0.38 * 0.11, 0.3 + (1 / 0.3 - 0.3) * 0.48
    masks = varied_box_masks(
        20, 40, 40, (area, area), (ratio, ratio), generator=seeded()
    )
    assert masks.any(2).sum(1).tolist() == [25 - 12] * 20
    assert masks.any(1).sum(1).tolist() == [20 - 13] * 20


def test_boxes_of_varied_form_are_those_of_the_rejection():
    masks = varied_box_masks(4000, 40, 40, generator=seeded())
    found = torch.stack([masks.any(2).sum(1), masks.any(1).sum(1)], 1).double()
    draw = torch.Generator().manual_seed(1)
    uniform = lambda: torch.rand(1, generator=draw).item()  # noqa: E731
    boxes = [redrawn(uniform, lambda n: int(n * uniform())) for _ in range(4000)]
    wanted = torch.tensor([[b - a, d - c] for a, b, c, d in boxes]).double()
    torch.testing.assert_close(found.mean(0), wanted.mean(0), atol=0.5, rtol=0)
    torch.testing.assert_close(found.std(0), wanted.std(0), atol=0.4, rtol=0)


def test_bad_boxes():
    with pytest.raises(ValueError, match='area is a share of the image from above 0'):
        varied_box_masks(1, 8, 8, area=(0.4, 0.2))
    with pytest.raises(ValueError, match='area is a share'):
        box_masks(1, 8, 8, area=1.0)
    with pytest.raises(ValueError, match='1 x 8 pixels'):
        box_masks(1, 1, 8)
