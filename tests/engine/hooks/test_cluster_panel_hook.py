"""Pictures of clusters; test_pretraining.py writes some."""

import pytest
from mmengine.runner import Runner


def test_needs_a_pipeline(iddc):
    iddc.custom_hooks = [dict(type='ClusterPanelHook')]
    iddc.pop('test_pipeline', None)
    with pytest.raises(ValueError, match='ClusterPanelHook needs test_pipeline'):
        Runner.from_cfg(iddc).train()
