"""The report of a run: its published row, and a config edited while it runs."""

import json
from pathlib import Path

from mmengine.config import Config

from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.engine.protocols.run_report import report_run

METAFILE = """
Models:
  - Name: edited
    Config: edited.py
    Results:
      - Task: Semantic Segmentation
        Table: Table 1
        Metrics: {mIoU: 40.0}
"""


def test_no_edit_costs_a_result(tiny, tmp_path, capsys):
    file = tmp_path / 'edited.py'
    tiny.dump(file)
    (tmp_path / 'metafile.yaml').write_text(METAFILE)
    cfg = Config.fromfile(file)
    Path(cfg.work_dir).mkdir()
    protocol = build_protocol(cfg)
    stages = protocol.stages(cfg)
    finished = {stages[0].name: dict(metrics=dict(mIoU=50.0), seconds=1.0)}
    table = Path(cfg.work_dir, 'results.md')
    report_run(cfg, protocol, stages, finished)
    assert '40.0' in table.read_text() and '50.0' in table.read_text()
    for path, text in ((file, 'protocol = dict('), (tmp_path / 'metafile.yaml', '{')):
        content = path.read_text()
        path.write_text(content + text)
        table.unlink()
        report_run(cfg, protocol, stages, finished)
        assert '40.0' not in table.read_text() and '50.0' in table.read_text()
        line = f'{table}, its published row, is not there or not complete'
        assert line in capsys.readouterr().err
        path.write_text(content)
    assert json.loads(table.with_name('results.json').read_text())['published'] is None


def test_published_figure_stands_beside_scores_of_student_and_teacher(tiny, tmp_path):
    file = tmp_path / 'edited.py'
    tiny.dump(file)
    (tmp_path / 'metafile.yaml').write_text(METAFILE)
    cfg = Config.fromfile(file)
    Path(cfg.work_dir).mkdir()
    protocol = build_protocol(cfg)
    stages = protocol.stages(cfg)
    scores = {'student/mIoU': 50.0, 'teacher/mIoU': 51.0}
    report_run(
        cfg, protocol, stages, {stages[0].name: dict(metrics=scores, seconds=1.0)}
    )
    rows = Path(cfg.work_dir, 'results.md').read_text().splitlines()[-4:]
    assert rows[0] == '| stage | mIoU, student | mIoU, teacher | mIoU | seconds |'
    assert rows[2].endswith('| 50.0 | 51.0 | - | 1 |')
    assert rows[3].endswith('| - | - | 40.0 | - |')
