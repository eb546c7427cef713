import json

import pytest

from mmseg_labelfree.visualization.curves import draw_curves


@pytest.mark.parametrize('number, plots', [(7, 2), (8, 3), (15, 4)])
def test_a_plot_has_seven_series_at_most_and_all_are_drawn(tmp_path, number, plots):
    columns = {f'metric {i}': f'mIoU/{i}' for i in range(number)}
    metrics = {key: 10.0 for key in columns.values()}
    results = {s: dict(metrics=metrics, iterations=4) for s in ('step_0', 'step_1')}
    for name in results:
        scalars = tmp_path / name / '20200101' / 'vis_data' / 'scalars.json'
        scalars.parent.mkdir(parents=True)
        scalars.write_text(json.dumps(dict(loss=2.0, step=4)) + '\n')
    folders = {name: tmp_path / name for name in results}
    figure = draw_curves(folders, results, columns, 'demo')
    lines = [[line.get_label() for line in axes.lines] for axes in figure.axes]
    assert len(figure.axes) == plots and max(map(len, lines)) <= 7
    drawn = [label for labels in lines for label in labels]
    assert sorted(drawn) == sorted([*columns, *results])
    losses = next(a for a in figure.axes if a.get_ylabel() == 'training loss')
    assert [list(line.get_xdata()) for line in losses.lines] == [[4], [8]]
