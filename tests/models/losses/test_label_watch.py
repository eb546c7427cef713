import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses.label_watch import LabelWatch


@pytest.fixture
def logged(capsys):
    """Warnings of MMEngine's logger since the last look."""

    def found():
        lines = capsys.readouterr().out.splitlines()
        return [line.split('WARNING - ')[1] for line in lines if 'WARNING' in line]

    return found


def steps(watch, *labels):
    for label in labels:
        watch(torch.tensor(label) == 254)


def test_what_is_wanted_and_does_not_come_is_said_once(logged):
    watch = LabelWatch('none came', wanted=True)
    watch.eval()  # before any step, as tests do
    assert logged() == []
    steps(watch, [0, 255], [255, 255])
    assert logged() == []  # a step waits for nothing
    watch.eval()
    watch.eval()
    assert logged() == ['none came']
    steps(watch.train(), [0, 254])
    watch.eval()
    assert logged() == [] and not watch.state_dict()


def test_what_is_unwanted_may_come_late(logged):
    watch = LabelWatch('one came', wanted=False)
    steps(watch, [0, 255])
    watch.eval()
    assert logged() == []
    steps(watch.train(), [254, 0], [0, 0])
    watch.eval()
    assert logged() == ['one came']


def test_labels_of_old_classes(logged):
    """Stock data, in which old classes have their labels, meets MiB's loss."""
    logits = torch.zeros(1, 4, 1, 3)
    for num_old, label, messages in (
        (3, [0, 3, 255], 0),  # those of a step
        (3, [0, 1, 3], 1),
        (1, [0, 1, 3], 0),
    ):
        loss = MODELS.build(
            dict(type='UnbiasedCrossEntropyLoss', num_old_classes=num_old)
        )
        loss(logits, torch.tensor([[label]]))
        loss.eval()
        found = logged()
        assert len(found) == messages
        assert all('labels of the old classes 1 to 2' in text for text in found)


def test_255_where_254_means_unlabeled(logged):
    loss = MODELS.build(
        dict(type='UnlabeledSetCrossEntropyLoss', unlabeled_classes='crop')
    )
    logits = torch.zeros(1, 4, 1, 3)
    loss(logits, torch.tensor([[[0, 1, 255]]]))
    loss.eval()
    (message,) = logged()
    assert 'gamma does nothing: their label is 254' in message


def test_a_threshold_that_nothing_reaches(semi, logged):
    model = MODELS.build(dict(semi.model, threshold=1.0))
    model.pseudo_labeled(torch.tensor([False]))
    model.eval()
    (message,) = logged()
    assert 'threshold=1.0 may be too high' in message
