import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    'make_config_tables', ROOT / 'tools' / 'make_config_tables.py'
)
make_config_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_config_tables)

METAFILE = """
Models:
- Name: a
  Config: configs/own/a.py
  Results:
  - {Dataset: VOC, Table: Table 1, Metrics: {mIoU/old: 1.5, mIoU/all: 2.0}}
  - {Dataset: VOC, Table: Table 1, Test: --crf, Metrics: {mIoU/all: 2.5}}
- Name: a (other)
  Config: configs/own/a.py
  Options: {protocol.setup: joint, model.losses: [1, 2]}
  Metadata: {Data: demo}
- Name: b
  Config: configs/own/b.py
- Name: a (last)
  Config: configs/own/a.py
  Options: {protocol.rounds: 2}
"""
README = """# Own

<!-- configs -->
old
<!-- /configs -->

End.
"""
WRITTEN = """# Own

<!-- configs -->
| config | options | data | published |
|---|---|---|---|
| [a](a.py) |  | VOC | old 1.5, all 2.0 (Table 1) |
|  | `test.py --crf` | VOC | all 2.5 (Table 1) |
|  | `protocol.setup=joint` `model.losses=[1,2]` | demo |  |
|  | `protocol.rounds=2` |  |  |
| [b](b.py) |  |  |  |
<!-- /configs -->

End.
"""


@pytest.fixture
def readme(tmp_path):
    (tmp_path / 'metafile.yaml').write_text(METAFILE)
    path = tmp_path / 'README.md'
    path.write_text(README)
    return path


def test_rows_of_a_config_stand_together(readme):
    assert make_config_tables.with_table(readme) == WRITTEN
    readme.write_text(WRITTEN)
    assert make_config_tables.with_table(readme) == WRITTEN


def test_a_readme_without_markers_is_refused(readme):
    readme.write_text(README.replace('<!-- /configs -->', ''))
    with pytest.raises(ValueError, match=r'README\.md .* 0 times: write them once'):
        make_config_tables.with_table(readme)
    readme.write_text(README + README)
    with pytest.raises(ValueError, match='2 times'):
        make_config_tables.with_table(readme)


@pytest.mark.parametrize(
    'metafile',
    sorted(ROOT.glob('configs/*/metafile.yaml')),
    ids=lambda path: path.parent.name,
)
def test_tables_are_up_to_date(metafile):
    readme = metafile.with_name('README.md')
    assert readme.read_text() == make_config_tables.with_table(readme), (
        'run python tools/make_config_tables.py'
    )


def test_command(tmp_path, monkeypatch, capsys):
    folder = tmp_path / 'configs' / 'own'
    folder.mkdir(parents=True)
    (folder / 'metafile.yaml').write_text(METAFILE)
    (folder / 'README.md').write_text(README)
    monkeypatch.setattr(make_config_tables, 'ROOT', tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['make_config_tables.py', *arguments])
        make_config_tables.main()
        return capsys.readouterr().out

    with pytest.raises(SystemExit, match='out of date'):
        call('--check')
    assert capsys.readouterr().out == 'configs/own/README.md\n'
    assert (folder / 'README.md').read_text() == README
    assert call() == 'configs/own/README.md\n'
    assert (folder / 'README.md').read_text() == WRITTEN
    assert call('--check') == call() == ''
