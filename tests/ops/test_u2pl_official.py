import numpy as np
import torch

from mmseg_labelfree.ops import (
    classes_in_first_image,
    first_classes,
    official_negatives,
)


def make_maps(seed=0):
    """Logits, labels with ignored pixels, and unreliable pixels, of four images."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 6, 3, 5, generator=generator)
    labels = torch.randint(0, 7, (4, 3, 5), generator=generator)
    labels[labels == 6] = 255
    return logits, labels, torch.rand(4, 3, 5, generator=generator) < 0.7


def test_labels_of_all_images_are_in_the_first():
    _, labels, _ = make_maps()
    got = classes_in_first_image(labels, 6)
    assert not got[1:].any()
    for c, y, x in np.ndindex(6, 3, 5):
        assert got[0, c, y, x] == any(image[y, x] == c for image in labels)
    assert got[0].sum(0).max() > 1
    assert classes_in_first_image(labels[:0], 6).shape == (0, 6, 3, 5)


def test_negatives_are_of_the_own_class():
    logits, labels, unreliable = make_maps()
    member = torch.cat([classes_in_first_image(part, 6) for part in labels.split(2)])
    got = official_negatives(logits, member, unreliable, 2, 1, 4)
    assert got.any() and not got[:2].any()
    for n, c, y, x in np.ndindex(4, 6, 3, 5):
        rank = int((logits[n, :, y, x] > logits[n, c, y, x]).sum())
        want = n >= 2 and member[n, c, y, x] and unreliable[n, y, x] and 1 <= rank < 4
        assert got[n, c, y, x] == bool(want)


def test_the_first_classes_meet_the_queues_of_those_present():
    counts = torch.tensor([3, 2, 0, 0, 1])
    present = torch.tensor([False, True, True, False, True])
    contrasted, queue, divisor = first_classes(counts, present)
    assert contrasted.tolist() == [True, True, False, False, False]
    assert queue.tolist() == [1, 2, 4, 0, 3]
    assert divisor == 3
    contrasted, _, divisor = first_classes(counts, torch.arange(5) == 4)
    assert not contrasted.any() and divisor == 1
