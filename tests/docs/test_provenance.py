"""Tables of settings: every setting once, with the remark and line that say it."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip('sphinx')
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def provenance():
    """The extension of the site."""
    path = ROOT / 'docs/_ext/provenance.py'
    spec = importlib.util.spec_from_file_location('provenance', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules['provenance'] = module
    spec.loader.exec_module(module)
    return module


def table(provenance, config):
    """Name of each setting -> value, source, and the line of code."""
    found = {}
    for name, value, note, place in provenance.rows(ROOT / 'configs' / config):
        line = place.file.read_text().splitlines()[place.line - 1] if place else ''
        found[name] = (value, note, line.strip())
    return found


def test_settings_have_the_remark_of_their_line(provenance):
    found = table(provenance, 'u2pl/deeplabv3plus_r101_voc-classic_92.py')
    assert found['model.unreliable'] == (
        '0.2',
        'section 3.3',
        'unreliable=0.2,  # section 3.3',
    )
    value, note, _ = found['model.memory_bank.length']
    assert (value, note) == ('30000', 'code')
    value, note, _ = found['optim_wrapper.optimizer.lr']
    assert value == '0.001' and note.startswith('U2PL+, section 4.1')
    value, note, _ = found['custom_hooks.EMATeacherHook.momentum']
    assert value == '0.99' and note.startswith('code')


def test_a_method_that_overrides_another_is_cited_where_it_does(provenance):
    found = table(provenance, 'mib/deeplabv3_r101_voc_15-1.py')
    name = 'model.distillation.UnbiasedKnowledgeDistillationLoss.loss_weight'
    value, _, line = found[name]
    assert value == '100.0' and line.startswith('mib_15_1 = ')
    assert found['protocol.task'][2] == "protocol = dict(task='voc_15-1')"
    assert found['protocol.next_steps.optim_wrapper.optimizer.lr'][1].startswith(
        'Section 6.2.2'
    )


@pytest.mark.parametrize('page', sorted(ROOT.glob('docs/methods/*.md')))
def test_most_settings_of_each_method_have_a_place(provenance, page):
    configs = [
        line.split()[-1].removeprefix('configs/')
        for line in page.read_text().splitlines()
        if line.startswith('```{provenance}')
    ]
    assert configs
    for config in configs:
        found = table(provenance, config)
        placed = [name for name, (_, _, line) in found.items() if line]
        assert len(placed) > 0.8 * len(found), set(found) - set(placed)
