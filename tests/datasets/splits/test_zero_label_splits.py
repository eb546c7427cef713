import pytest
from mmseg.datasets import COCOStuffDataset, PascalVOCDataset

from mmseg_labelfree.datasets.splits.zero_label_splits import (
    SPLITS,
    ZeroLabelSplit,
    get_split,
)

VOC = PascalVOCDataset.METAINFO['classes'][1:]


def test_splits_of_the_paper():
    sizes = {name: tuple(map(len, SPLITS[name]())) for name in SPLITS}
    assert sizes == {
        'voc_15-5': (15, 5),
        'voc_12-3': (12, 3),
        'cocostuff_156-15': (156, 15),
    }
    test = get_split('voc_15-5')
    assert test.seen + test.unseen == VOC
    validation = get_split('voc_12-3')
    assert validation.seen + validation.unseen == VOC[:15]
    assert validation.unseen == ('horse', 'motorbike', 'person')


def test_coco_stuff_unseen_are_spnets_numbers():
    # Of 182 labels these 11 never occur, so MMSegmentation leaves them out.
    left_out = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
    labels = [i for i in range(182) if i not in left_out]
    numbers = (20, 24, 32, 33, 40, 56, 86, 99, 105, 123, 144, 147, 148, 168, 171)
    names = COCOStuffDataset.METAINFO['classes']
    assert len(labels) == len(names)
    split = get_split('cocostuff_156-15')
    assert split.unseen == tuple(names[labels.index(n)] for n in numbers)
    assert sorted(split.seen + split.unseen) == sorted(names)


def test_own_splits_and_label_order():
    split = get_split(dict(seen=['dog', 'cow'], unseen=['cat']))
    assert split == ZeroLabelSplit('custom_2-1', ('dog', 'cow'), ('cat',))
    assert get_split(split) is split
    assert split.classes() == split.classes('ignore') == ('dog', 'cow', 'cat')
    assert split.classes('seen') == ('background', 'dog', 'cow', 'cat')


@pytest.mark.parametrize(
    ('split', 'message'),
    [
        ('voc_15_5', "unknown split 'voc_15_5', close to 'voc_15-5'"),
        (dict(seen=['a']), r"not {'seen': \['a'\]}"),
        (dict(seen=['a'], unseen=[]), 'split custom_1-0 has no unseen class'),
        (dict(seen=['a', 'b'], unseen=['a']), r"names \['a'\] twice"),
    ],
)
def test_no_splits(split, message):
    with pytest.raises(ValueError, match=message):
        get_split(split)
