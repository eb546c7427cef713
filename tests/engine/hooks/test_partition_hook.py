"""A drawn partition is kept beside the run."""

import copy

import pytest
from mmengine.runner import Runner


@pytest.fixture
def drawn(semi):
    """A mean teacher on the boxes whose labeled images are drawn."""
    cfg = copy.deepcopy(semi)
    words = dict(number=6, seed=1)
    for part in cfg.train_dataloader.dataset.datasets:
        part.dataset.pop('indices', None)
        part.partition = words
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='PartitionHook')]
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    return cfg


@pytest.mark.slow
def test_lists_beside_the_run(drawn, tmp_path):
    Runner.from_cfg(copy.deepcopy(drawn)).train()
    lists = {
        name: (tmp_path / f'work/partition/{name}.txt').read_text().split()
        for name in ('labeled', 'unlabeled')
    }
    assert (len(lists['labeled']), len(lists['unlabeled'])) == (6, 18)
    assert not set(lists['labeled']) & set(lists['unlabeled'])
    # As a list it gives the same images.
    listed = copy.deepcopy(drawn)
    (part, _) = listed.train_dataloader.dataset.datasets
    part.pop('partition')
    part.dataset.ann_file = str(tmp_path / 'work/partition/labeled.txt')
    listed.work_dir = str(tmp_path / 'other')
    runner = Runner.from_cfg(listed)
    runner.train()
    found, _ = runner.train_dataloader.dataset.datasets
    assert found.image_names == lists['labeled']
    for part in drawn.train_dataloader.dataset.datasets:
        part.partition = dict(number=6, seed=2)
    with pytest.raises(ValueError, match='labeled.txt names other images than'):
        Runner.from_cfg(drawn).train()
