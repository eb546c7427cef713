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
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


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
