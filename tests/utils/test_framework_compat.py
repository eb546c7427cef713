"""Loaders without worker processes."""

import pytest
from mmengine.runner import Runner

from mmseg_labelfree.utils.framework_compat import mend_loaders


class Numbers(list):
    """A dataset."""


@pytest.mark.parametrize('num_workers', [0, 1])
def test_workers_are_one_setting(num_workers):
    mend_loaders()  # changes nothing any more
    settings = dict(
        batch_size=2,
        num_workers=num_workers,
        persistent_workers=True,
        prefetch_factor=3,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=Numbers(range(4)),
    )
    loader = Runner.build_dataloader(settings, seed=0)
    assert loader.persistent_workers is (num_workers > 0)
    assert loader.prefetch_factor == (3 if num_workers else None)
    assert len(loader) == 2
    assert settings['persistent_workers'] is True  # the config stays
