"""Lists of images are as long as the stage that wrote them says."""

import json

import pytest
from mmengine.config import Config

from mmseg_labelfree.engine.protocols.base import Stage
from mmseg_labelfree.engine.protocols.list_check import check_lists


@pytest.fixture
def ranked(tmp_path):
    """A ranking of which the clean list is given; and a stage that reads it."""
    path = tmp_path / 'ranking/clean.txt'
    path.parent.mkdir()
    images = dict(datasets=[dict(image_list=None), dict(image_list=str(path))])
    reader = Config(dict(work_dir=str(tmp_path / 'eums'), train_dataloader=images))
    return path, Stage('eums', reader)


def test_a_list_that_was_cut(ranked):
    path, stage = ranked
    marker = path.with_name('finished.json')
    check_lists([stage])  # nothing is there yet
    path.write_text('a\nb\n')
    check_lists([stage])
    marker.write_text(json.dumps(dict(metrics=dict(clean=3.0))))
    message = rf'{path} is damaged \(it has 2 lines, not 3\): delete {marker}, and'
    with pytest.raises(ValueError, match=message):
        check_lists([stage])
    ranking = Stage('ranking', Config(dict(work_dir=str(path.parent))))
    check_lists([ranking, stage])  # which is about to write it
    path.write_text('a\nb\nc\n')
    check_lists([stage])


def test_lists_of_ones_own(ranked):
    path, stage = ranked
    path.write_text('a\n')
    path.with_name('finished.json').write_text('{"metrics": {"mIoU": 50.0}}')
    check_lists([stage])
    path.with_name('finished.json').write_text('{"metr')
    with pytest.raises(ValueError, match=r'finished\.json is damaged'):
        check_lists([stage])
