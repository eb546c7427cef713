import pytest
import torch
from mmseg.registry import MODELS

CONFIG = dict(type='ClassStatistics', num_classes=3, channels=4)


@pytest.fixture
def filled():
    torch.manual_seed(0)
    statistics = MODELS.build(CONFIG)
    for _ in range(2):
        labels = torch.randint(0, 2, (2, 5, 6))
        statistics.update(torch.randn(2, 4, 5, 6), labels)
    return statistics


def test_a_class_that_was_never_seen_has_no_moments(filled):
    assert filled.counts.sum() == 120 and filled.counts[2] == 0
    assert not filled.means[2].any() and not filled.variances[2].any()
    assert filled.means[:2].all() and (filled.variances[:2] > 0).all()


def test_contents_come_back_in_another_layer(filled):
    assert not filled.state_dict()
    other = MODELS.build(CONFIG)
    contents = filled.contents()
    other.restore(contents)
    filled.update(torch.ones(1, 4, 1, 1), torch.zeros(1, 1, 1).long())
    assert torch.equal(other.counts, contents['counts'])
    other.update(torch.ones(1, 4, 1, 1), torch.zeros(1, 1, 1).long())
    for name, value in filled.named_buffers():
        assert torch.equal(value, getattr(other, name)), name


def test_contents_of_another_size(filled):
    other = MODELS.build(dict(CONFIG, channels=5))
    with pytest.raises(
        ValueError, match="3 classes and 4 channels, the config's 3 and"
    ):
        other.restore(filled.contents())


@pytest.mark.parametrize('name', ['num_classes', 'channels'])
def test_sizes_out_of_range(name):
    with pytest.raises(ValueError, match=f'{name}=0 must be'):
        MODELS.build(CONFIG | {name: 0})
