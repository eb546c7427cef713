import copy

from mmseg.registry import DATASETS

from mmseg_labelfree.engine.protocols.data_remarks import data_remarks


def remarks(cfg):
    dataset = DATASETS.build(copy.deepcopy(cfg.train_dataloader.dataset))
    return list(data_remarks(dataset))


def test_nothing_odd(tiny, incremental, novel):
    for cfg in (tiny, incremental, novel):
        assert remarks(cfg) == []


def test_an_image_twice(tiny, tmp_path):
    names = tmp_path / 'list.txt'
    names.write_text('train_000\ntrain_001\ntrain_000\n')
    tiny.train_dataloader.dataset.ann_file = str(names)
    (line,) = remarks(tiny)
    assert line.startswith('1 images are listed more than once, first /')
    assert line.endswith('train_000.jpg')


def test_labeled_and_unlabeled(semi):
    (line,) = remarks(semi)
    assert line.startswith('8 labeled images are unlabeled ones, too, first /')
