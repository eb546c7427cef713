"""The report of a run whose config is edited while it runs."""

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
