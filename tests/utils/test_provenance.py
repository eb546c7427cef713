"""Tables of settings: every setting once, with the remark and line that say it."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_labelfree.utils.provenance import config_settings

ROOT = Path(__file__).parents[2]


def table(config):
    """Name of each setting -> value, source, and the line of code."""
    found = {}
    for name, value, note, place in config_settings(ROOT / 'configs' / config):
        line = place.file.read_text().splitlines()[place.line - 1] if place else ''
        found[name] = (value, note, line.strip())
    return found


def test_settings_have_the_remark_of_their_line():
    found = table('u2pl/deeplabv3plus_r101_voc-classic_92.py')
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


def test_a_method_that_overrides_another_is_cited_where_it_does():
    found = table('mib/deeplabv3_r101_voc_15-1.py')
    name = 'model.distillation.UnbiasedKnowledgeDistillationLoss.loss_weight'
    value, _, line = found[name]
    assert value == '100.0' and line.startswith('mib_15_1 = ')
    assert found['protocol.task'][2] == "protocol = dict(task='voc_15-1')"
    assert found['protocol.next_steps.optim_wrapper.optimizer.lr'][1].startswith(
        'Section 6.2.2'
    )


@pytest.mark.parametrize('page', sorted(ROOT.glob('docs/methods/*.md')))
def test_most_settings_of_each_method_have_a_place(page):
    configs = [
        line.split()[-1].removeprefix('configs/')
        for line in page.read_text().splitlines()
        if line.startswith('```{provenance}')
    ]
    assert configs
    for config in configs:
        found = table(config)
        placed = [name for name, (_, _, line) in found.items() if line]
        assert len(placed) > 0.8 * len(found), set(found) - set(placed)


def test_a_setting_of_the_command_line_has_it_as_its_source(tmp_path):
    file = tmp_path / 'own.py'
    file.write_text('model = dict(depth=18, width=4)  # Table 1\n')
    cfg = Config.fromfile(file)
    cfg.merge_from_dict({'model.width': 8})
    rows = [(r.name, r.value, r.note) for r in config_settings(file, cfg)]
    assert rows == [
        ('model.depth', '18', 'Table 1'),
        ('model.width', '8', 'command line'),
    ]


def test_an_empty_file_has_no_settings(tmp_path):
    file = tmp_path / 'empty.py'
    file.write_text('')
    assert list(config_settings(file)) == []
