"""Each method has a demo that needs no file: no list, no weights, no word vectors."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_labelfree.datasets.demo_voc.dataset import write_demo_voc
from mmseg_labelfree.engine.protocols import DataCheck, build_protocol
from mmseg_labelfree.engine.protocols.config_edit import find_nodes
from mmseg_labelfree.engine.protocols.stage_data import waits_for_others

ROOT = Path(__file__).parent.parent
DEMOS = (
    'mib/demo_voc_15-1',
    'mib/demo_voc_points',
    'plop/demo_voc_15-1',
    'ssul/demo_voc_15-1',
    'ewf/demo_voc_15-1',
    'u2pl/demo_voc_40',
    'u2pl/demo_voc_40_suponly',
    'unimatch/demo_voc_40',
    'unimatch_v2/demo_voc_40',
    'daformer/demo_voc_plain2dusk',
    'afa/demo_voc',
    'eums/demo_voc_fold0',
    'strict/demo_voc_15-5',
    'iddc/demo_voc',
)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """The generated data alone, as on first use."""
    folder = tmp_path_factory.mktemp('data')
    write_demo_voc(folder / 'demo_voc', progress=False)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('name', DEMOS)
def test_every_method_has_a_demo_without_any_file(name, data, tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_DATA', str(data))
    monkeypatch.setenv('LABELFREE_CACHE', str(data / 'cache'))
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(ROOT / f'configs/{name}.py')
    cfg.work_dir = str(tmp_path / 'run')
    made = []
    if 'protocol' not in cfg:
        configs = [cfg]
    else:
        stages = build_protocol(cfg).stages(cfg)
        configs = [stage.cfg for stage in stages if not stage.is_job]
        made = [stage.cfg.work_dir for stage in stages]
        assert not waits_for_others(stages[0], stages)
    for config in configs:
        for node in find_nodes(config.model):
            file = str((node.get('init_cfg') or {}).get('checkpoint', ''))
            assert not file or any(file.startswith(folder) for folder in made), file
    size = DataCheck().training(configs[0])
    assert size.images >= 40 and size.batches > 1
