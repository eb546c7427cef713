import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import (
    blank,
    box_masks,
    class_masks,
    keep_some,
    mix,
    mixing_masks,
    pasted_class_masks,
    varied_box_masks,
)


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


def test_boxes_of_varied_form_are_those_of_the_rejection():
    """As in LiheYoung/UniMatch 0324f3d: the area stays, the rest is redrawn."""
    masks = varied_box_masks(4000, 40, 40, generator=seeded())
    found = torch.stack([masks.any(2).sum(1), masks.any(1).sum(1)], 1).double()
    draw = torch.Generator().manual_seed(1)
    wanted = []
    for _ in range(4000):
        uniform = lambda: torch.rand(1, generator=draw).item()  # noqa: E731
        pixels = (0.02 + 0.38 * uniform()) * 1600
        while True:
            ratio = 0.3 + (1 / 0.3 - 0.3) * uniform()
            height, width = int((pixels * ratio) ** 0.5), int((pixels / ratio) ** 0.5)
            left, top = int(40 * uniform()), int(40 * uniform())
            if left + width <= 40 and top + height <= 40:
                break
        wanted.append([height, width])
    wanted = torch.tensor(wanted).double()
    torch.testing.assert_close(found.mean(0), wanted.mean(0), atol=0.5, rtol=0)
    torch.testing.assert_close(found.std(0), wanted.std(0), atol=0.4, rtol=0)


def test_bad_boxes():
    with pytest.raises(ValueError, match='area is a share of the image from above 0'):
        varied_box_masks(1, 8, 8, area=(0.4, 0.2))
    with pytest.raises(ValueError, match='area is a share'):
        box_masks(1, 8, 8, area=1.0)
    with pytest.raises(ValueError, match='1 x 8 pixels'):
        box_masks(1, 1, 8)


label_maps = st.tuples(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 7))


@settings(deadline=None)
@given(label_maps)
def test_class_masks_keep_half_of_the_classes(case):
    seed, num, num_classes = case
    labels = torch.randint(0, num_classes, (num, 5, 6), generator=seeded(seed))
    labels[torch.rand(labels.shape, generator=seeded(seed)) < 0.2] = 255
    masks = class_masks(labels, generator=seeded(seed + 1))
    for label, mask in zip(labels, masks, strict=True):
        classes = set(label.unique().tolist()) - {255}
        kept = {c for c in classes if not mask[label == c].any()}
        gone = {c for c in classes if mask[label == c].all()}
        assert kept | gone == classes and not kept & gone
        assert len(kept) == len(classes) // 2
        assert mask[label == 255].all()


def test_every_class_is_kept_as_often():
    labels = torch.arange(4).view(1, 1, 4).expand(3000, 1, 4)
    kept = (~class_masks(labels, generator=seeded())).float().mean((0, 1))
    torch.testing.assert_close(kept, torch.full((4,), 0.5), atol=0.03, rtol=0)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4))
def test_mix_by_a_slow_loop(seed, num):
    generator = seeded(seed)
    masks = torch.rand(num, 3, 4, generator=generator) < 0.5
    images = torch.randn(num, 3, 3, 4, generator=generator)
    labels = torch.randint(0, 256, (num, 3, 4), generator=generator)
    weights = torch.rand(num, 3, 4, generator=generator)
    mixed = [mix(masks, values) for values in (images, labels, weights)]
    for i in range(num):
        partner = (i + 1) % num
        for y in range(3):
            for x in range(4):
                source = partner if masks[i, y, x] else i
                assert torch.equal(mixed[0][i, :, y, x], images[source, :, y, x])
                assert mixed[1][i, y, x] == labels[source, y, x]
                assert mixed[2][i, y, x] == weights[source, y, x]
    assert mixed[1].dtype == labels.dtype
    blanked, ignored = blank(masks, images, 0.0), blank(masks, labels, 255)
    inside = masks[:, None].expand_as(images)
    assert (blanked[inside] == 0).all() and (ignored[masks] == 255).all()
    assert torch.equal(blanked[~inside], images[~inside])
    assert torch.equal(ignored[~masks], labels[~masks])


@settings(deadline=None)
@given(label_maps)
def test_half_of_the_partners_classes_is_pasted(case):
    seed, num, num_classes = case
    labels = torch.randint(0, num_classes, (num, 5, 6), generator=seeded(seed))
    labels[torch.rand(labels.shape, generator=seeded(seed)) < 0.2] = 255
    masks = pasted_class_masks(labels, generator=seeded(seed + 1))
    for label, mask in zip(labels, masks, strict=True):
        classes = set(label.unique().tolist()) - {255}
        pasted = set(label[mask].unique().tolist())
        assert 255 not in pasted
        assert len(pasted) == (len(classes) + 1) // 2
        for c in classes:
            assert mask[label == c].all() == (c in pasted)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_classes_of_the_whole_batch(seed):
    """Of the k labels of all partners, 255 among them, ceil(k / 2) are pasted."""
    generator = seeded(seed)
    labels = torch.randint(0, 6, (3, 5, 4), generator=generator)
    labels[labels == 5] = 255
    labels[0, 0, 0] = 9  # a class that the others lack
    every = labels.unique()
    masks = pasted_class_masks(labels, generator=seeded(seed + 1), whole_batch=True)
    kept = class_masks(labels, generator=seeded(seed + 1), whole_batch=True)
    assert torch.equal(masks, kept)
    pasted = [
        {c for c in label.unique().tolist() if mask[label == c].any()}
        for label, mask in zip(labels, masks, strict=True)
    ]
    for label, mask, classes in zip(labels, masks, pasted, strict=True):
        assert all(mask[label == c].all() for c in classes)
        absent = len(every) - len(label.unique())
        most = (len(every) + 1) // 2
        assert most - absent <= len(classes) <= most


def test_every_label_of_the_batch_is_pasted_as_often():
    labels = torch.tensor([0, 3, 255, 7]).expand(4000, 1, 4).clone()
    labels[0] = 9  # five labels, of which each image draws three
    masks = pasted_class_masks(labels, generator=seeded(), whole_batch=True)
    shares = masks[1:].float().mean((0, 1))
    torch.testing.assert_close(shares, torch.full((4,), 0.6), atol=0.03, rtol=0)


def test_pixels_of_other_partners():
    masks = torch.rand(2, 3, 4, generator=seeded()) < 0.5
    own, partners = torch.zeros(2, 3, 3, 4), torch.ones(2, 3, 3, 4)
    mixed = mix(masks, own, partners)
    assert torch.equal(mixed, masks[:, None].expand_as(mixed).float())
    labels = torch.randint(0, 5, (2, 3, 4), generator=seeded())
    torch.manual_seed(4)
    masks = mixing_masks('classmix', torch.full_like(labels, 7), partner_labels=labels)
    torch.manual_seed(4)
    assert torch.equal(masks, pasted_class_masks(labels))


def test_probability_of_mixing():
    masks = torch.ones(1000, 2, 2, dtype=torch.bool)
    assert keep_some(masks, 1.0) is masks
    kept = keep_some(masks, 0.3, per_sample=True, generator=seeded())
    assert torch.equal(kept.flatten(1).any(1), kept.flatten(1).all(1))
    assert kept.float().mean() == pytest.approx(0.3, abs=0.05)
    generator = seeded()
    at_once = [keep_some(masks, 0.3, generator=generator) for _ in range(300)]
    assert all(m.all() or not m.any() for m in at_once)
    share = sum(bool(m.all()) for m in at_once) / 300
    assert share == pytest.approx(0.3, abs=0.08)


def test_global_generator_is_used():
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(box_masks(2, 9, 9))
    assert torch.equal(*drawn)
