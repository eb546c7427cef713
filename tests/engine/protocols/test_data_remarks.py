import copy
import logging

import pytest
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS

from mmseg_labelfree.engine.protocols.data_remarks import data_remarks
from mmseg_labelfree.engine.protocols.stage_data import DataCheck


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


@pytest.fixture
def warnings(tmp_path):
    """What the logger of a run is told."""
    found = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())
    logger = MMLogger.get_instance(tmp_path.name)
    logger.addHandler(handler)
    return found


@pytest.mark.parametrize('sampling', [None, dict(labeled=dict(min_pixels=1))])
def test_class_that_a_source_lacks(semi, warnings, sampling):
    """Said once, however the source is drawn from; never of unlabeled images."""
    loader = semi.train_dataloader
    loader.sampler.rare_class_sampling = sampling
    info = loader.dataset.datasets[0].dataset.metainfo
    more = dict(
        classes=[*info.classes, 'ring', 'star'],
        palette=[*info.palette, [1, 2, 3], [4, 5, 6]],
    )
    for source in loader.dataset.datasets:
        source.dataset.metainfo = more
    semi.model.decode_head.num_classes = 7
    semi.val_dataloader = semi.val_cfg = semi.val_evaluator = None
    check = DataCheck()
    for _ in range(2):  # two stages
        check.training(semi)
    assert [line for line in warnings if 'no pixel' in line] == [
        "train_dataloader: source 'labeled' has no pixel of ring, star: nothing is "
        'learned of them from it'
    ]


def test_class_of_another_part_of_the_source(semi):
    labeled = semi.train_dataloader.dataset.datasets[0]
    semi.train_dataloader.dataset.datasets = [labeled]
    for number, expected in ((1, True), (8, False)):
        labeled.dataset.indices = number
        assert any('no pixel' in line for line in remarks(semi)) is expected
    first = copy.deepcopy(labeled)
    first.dataset.indices = 1
    semi.train_dataloader.dataset.datasets = [first, labeled]
    assert not any('no pixel' in line for line in remarks(semi))


def test_source_whose_classes_have_no_names(semi):
    labeled = semi.train_dataloader.dataset.datasets[0]
    labeled.dataset.metainfo = {}
    semi.train_dataloader.dataset.datasets = [labeled]
    assert remarks(semi) == []
