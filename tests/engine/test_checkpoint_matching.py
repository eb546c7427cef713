"""By which matching a test scores the clusters of a checkpoint."""

import json

import pytest
import torch
from mmengine.config import Config

from mmseg_labelfree.engine.checkpoint_matching import use_matching_of_checkpoint
from mmseg_labelfree.utils.cluster_names import describe_outputs, name_clusters

DATA = dict(classes=('sky', 'sea', 'road', 'tree'), palette=[[9, 9, k] for k in '1234'])
MATCHED = ['tree', None, 'road']


@pytest.fixture
def config(tmp_path):
    """A test of the stage in ``a`` of the checkpoint in ``b``."""
    checkpoint = dict(state_dict=dict(w=torch.ones(1)), meta=dict(dataset_meta=DATA))
    for name in 'ab':
        (tmp_path / name).mkdir()
        torch.save(checkpoint, tmp_path / name / 'iter_4.pth')
        (tmp_path / name / 'matching.json').write_text('{}')
    metric = dict(
        type='ClusteringIoUMetric',
        num_clusters=3,
        num_old_classes=1,
        matching_file=f'{tmp_path}/a/matching.json',
    )
    return Config(
        dict(
            work_dir=f'{tmp_path}/a/test/iter_4_x',
            load_from=f'{tmp_path}/b/iter_4.pth',
            test_evaluator=dict(type='DenseCRFMetric', metric=metric),
        )
    )


def used(config, tmp_path):
    use_matching_of_checkpoint(config, f'{tmp_path}/a')
    return config.test_evaluator.metric


def test_the_file_beside_a_checkpoint_of_another_run(config, tmp_path):
    assert used(config, tmp_path).matching_file == f'{tmp_path}/b/matching.json'
    assert 'save_matching' not in config.test_evaluator.metric


@pytest.mark.parametrize('outputs', [MATCHED, None])
def test_a_checkpoint_alone(outputs, config, tmp_path, capsys):
    """It may store its matching, as another one of its own run may too."""
    (tmp_path / 'b/matching.json').unlink()
    path = tmp_path / 'b/iter_4.pth'
    checkpoint = torch.load(path)
    describe_outputs(checkpoint, name_clusters(DATA, 3, 1, outputs))
    torch.save(checkpoint, path)
    metric, new = used(config, tmp_path), f'{config.work_dir}/matching.json'
    if outputs is None:
        assert metric.matching_file is None and metric.save_matching == new
        text = f'No validation has matched the clusters of {path}: they are matched on'
        assert text in capsys.readouterr().out
        return
    assert metric.matching_file == new
    content = json.loads((tmp_path / 'a/test/iter_4_x/matching.json').read_text())
    assert content == dict(num_old_classes=1, classes=MATCHED)
    (tmp_path / 'b/matching.json').write_text('{}')  # of later weights
    metric.matching_file = f'{tmp_path}/a/matching.json'
    assert used(config, tmp_path).matching_file == new


def test_a_file_that_was_chosen_stays(config, tmp_path):
    for chosen in (f'{tmp_path}/mine.json', None):
        config.test_evaluator.metric.matching_file = chosen
        assert used(config, tmp_path).matching_file == chosen
    (tmp_path / 'a/config.py').touch()  # in a test of it, with another work dir
    config.test_evaluator.metric.matching_file = f'{tmp_path}/a/matching.json'
    config = Config(config.to_dict(), filename=f'{tmp_path}/a/config.py')
    use_matching_of_checkpoint(config, f'{tmp_path}/elsewhere')
    file = config.test_evaluator.metric.matching_file
    assert file == f'{tmp_path}/b/matching.json'
