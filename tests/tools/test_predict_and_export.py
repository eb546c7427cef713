"""tools/predict.py and tools/export.py on runs that tools/train.py has left."""

import csv

import pytest
from PIL import Image

SYSTEMS = {
    'tiny': '',
    'incremental': 'step_2',
    'semi': '',
    'novel': 'eums',
    'strict': 'round_2',
    'iddc': '',
}


@pytest.fixture
def trained(request, tmp_path, run_tool, monkeypatch):
    """Train a system's tiny config into ``work_dirs/mine``."""

    def trained(system):
        monkeypatch.chdir(tmp_path)
        cfg = request.getfixturevalue(system)
        cfg.dump(tmp_path / 'mine.py')
        work_dir = tmp_path / 'work_dirs/mine'
        done = run_tool('train.py', 'mine.py', '--work-dir', work_dir)
        assert done.returncode == 0, done.stdout
        return work_dir

    return trained


@pytest.mark.slow
@pytest.mark.parametrize('system', SYSTEMS)
def test_every_system_by_the_name_of_its_run(system, trained, boxes_root, run_tool):
    work_dir = trained(system)
    images = boxes_root / 'JPEGImages'
    line = ['mine', images, '--out', 'out', '--device', 'cpu', '--batch-size', '4']
    done = run_tool('predict.py', *line)
    assert done.returncode == 0, done.stdout
    assert '30 images by ' in done.stdout
    assert str(work_dir / SYSTEMS[system]).removeprefix(str(work_dir)) in done.stdout
    photo = next(images.glob('val*'))
    with Image.open(f'out/masks/{photo.stem}.png') as mask:
        assert mask.size == Image.open(photo).size
    with open('out/areas.csv') as stream:
        rows = list(csv.DictReader(stream))
    assert len({row['image'] for row in rows}) == 30
    assert sum(int(r['pixels']) for r in rows if r['image'] == photo.stem) == (
        mask.size[0] * mask.size[1]
    )
    known = ('background', 'square', 'bar', 'dot', 'frame', 'cluster')
    assert {row['class'].partition('_')[0] for row in rows} <= {*known}
    done = run_tool('export.py', 'mine', 'model.pt', '--size', '32', '48')
    assert done.returncode == 0, done.stdout
    assert 'model.pt: scores differ by ' in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ('tool', 'line', 'text'),
    [
        ('predict.py', ['x', '.', '--out', 'o'], 'holds no image and no video'),
        ('predict.py', ['x', 'gone', '--out', 'o'], 'Error: gone does not exist'),
        ('predict.py', ['x', 'a.png', '--out', 'o'], "Error: there is no run 'x'"),
        ('export.py', ['x', 'model.pt', '--size', '32'], "Error: there is no run 'x'"),
        ('export.py', ['x', 'model.tf', '--size', '32'], 'must end with .pt or .onnx'),
    ],
)
def test_one_line_for_what_is_missing(
    tool, line, text, tmp_path, run_tool, monkeypatch
):
    empty = tmp_path / 'empty'
    empty.mkdir()
    monkeypatch.chdir(empty)
    if 'a.png' in line:
        Image.new('RGB', (4, 4)).save('a.png')
    done = run_tool(tool, *line)
    assert done.returncode in (1, 2) and text in done.stdout
    assert 'Traceback' not in done.stdout
