"""A drawn partition is kept beside the run."""

import copy
import random
from types import SimpleNamespace

import pytest
from mmengine.runner import Runner
from mmseg.registry import DATASETS

from mmseg_labelfree.engine.hooks import PartitionHook


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


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[: content.rindex(b'\n', 0, -1) + 1],
        lambda content: b'',
        lambda content: random.Random(0).randbytes(100),
    ],
)
def test_a_damaged_list(damage, drawn, tmp_path):
    dataset = DATASETS.build(drawn.train_dataloader.dataset)
    loader = SimpleNamespace(dataset=dataset)
    runner = SimpleNamespace(work_dir=str(tmp_path), train_dataloader=loader)
    PartitionHook().before_train(runner)
    path = tmp_path / 'partition/unlabeled.txt'
    content = path.read_bytes()
    path.write_bytes(damage(content))
    with pytest.raises(ValueError, match=rf'{path} is damaged \(.+\): delete it, and'):
        PartitionHook().before_train(runner)
    path.unlink()
    PartitionHook().before_train(runner)
    assert path.read_bytes() == content
