"""The page that compares kinds of labels, from made-up results."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.visualization.cost_figures import (
    draw_costs,
    draw_predictions,
    spread,
)
from mmseg_labelfree.visualization.cost_rows import LabelCost, join_costs, read_costs
from mmseg_labelfree.visualization.label_cost import join_label_costs, write_label_cost
from mmseg_labelfree.visualization.prediction_strips import (
    PredictionStrips,
    Strip,
    write_strip,
)

FULL = LabelCost('full', 'full <masks>', 239.7, score=[60.0], config='a/full.py')
NONE = LabelCost('none', 'none', 0.0, 'clusters', [20.0], dict(novel=[10.25]))
LATER = LabelCost('points', 'points', 22.1)


def test_the_page_holds_table_and_plot(tmp_path):
    write_label_cost(tmp_path, [FULL, NONE, LATER], 'demo', ['All are short.'])
    table = (tmp_path / 'label_cost.md').read_text()
    assert '| full <masks> | 239.7 | 60.0 | - | all classes | a/full.py |' in table
    assert '| none | 0.0 | 20.0 | novel 10.2 | clusters |  |' in table
    assert '| points | 22.1 | - | - | all classes |  |' in table
    assert table.endswith('All are short.\n')
    page = (tmp_path / 'label_cost.html').read_text()
    assert page.count('data:image/png') == 1  # there are no predictions
    assert 'full &lt;masks&gt;' in page and 'All are short.' in page
    assert read_costs(tmp_path)[1] == ['All are short.']
    names = [row['name'] for row in json.loads(_json(tmp_path))['rows']]
    assert names == ['full', 'none', 'points']


def _json(folder):
    return (folder / 'label_cost.json').read_text()


def test_the_plot_has_a_mark_and_a_name_for_each_score():
    (axes,) = draw_costs([FULL, NONE, LATER]).axes
    names = {text.get_text(): text.xy for text in axes.texts}
    assert names == {'full <masks> 60.0': (239.7, 60.0), 'none 20.0': (0.0, 20.0)}
    hollow = {
        float(box.lines[0].get_xdata()[0]): box.lines[0].get_markerfacecolor()
        for box in axes.containers
    }
    assert hollow[0.0] == 'white' != hollow[239.7]


def test_names_beside_each_other_do_not_overlap():
    near = [replace(FULL, label=f'row {k}', score=[50.0 + k / 9]) for k in range(4)]
    (axes,) = draw_costs(near).axes
    heights = sorted(text.get_position()[1] for text in axes.texts)
    assert np.diff(heights).min() > 0.05
    rng = np.random.default_rng(0)
    values = rng.random(20)
    moved = np.array(spread(values, 0.03))
    assert (moved >= values).all()
    assert np.diff(np.sort(moved)).min() >= 0.03 - 1e-12


def test_runs_of_several_seeds_are_one_page(tmp_path):
    other = [
        replace(FULL, score=[63.0]),
        replace(NONE, score=[24.0], others=dict(novel=[12.25])),
    ]
    folders = [tmp_path / 'seed_0', tmp_path / 'seed_1']
    for folder, rows in zip(folders, ([FULL, NONE], other), strict=True):
        write_label_cost(folder, rows, 'demo', ['All are short.'])
    page = join_label_costs(folders, tmp_path / 'both')
    assert page == tmp_path / 'both/label_cost.html' and page.is_file()
    table = page.with_suffix('.md').read_text()
    assert table.startswith('# both\n')
    assert '| full <masks> | 239.7 | 61.5 ± 2.1 | - |' in table
    assert '| none | 0.0 | 22.0 ± 2.8 | novel 11.2 ± 1.4 |' in table
    assert table.endswith('All are short.\n\nMean and spread of 2 runs.\n')
    assert [list(c.score) for c in read_costs(page.parent)[0]] == [[60, 63], [20, 24]]


def test_runs_without_a_score_are_named():
    first = replace(FULL, score=[], folder='seed_0/full')
    later = replace(FULL, folder='seed_1/full')
    runs = [[first, LATER], [later, LATER], [later, LATER]]
    rows, notes = join_costs(
        {f'seed_{k}': (run, ['All are short.']) for k, run in enumerate(runs)}
    )
    assert rows[0].label == 'full <masks> (2 of 3 runs)'
    assert rows[0].score == [60, 60] and rows[0].folder == 'seed_1/full'
    assert rows[1].label == 'points' and rows[1].score == []
    assert notes == [
        'All are short.',
        'Mean and spread of 3 runs.',
        'full <masks>: no score in seed_0.',
        'points: no score in seed_0, seed_1, seed_2.',
    ]


@pytest.mark.parametrize(
    ('rows', 'notes', 'message'),
    [
        ([NONE], [], r"the rows, \['full'\] and \['none'\]: join runs of one config"),
        ([replace(FULL, seconds=20.0)], [], 'seconds of full, 239.7 and 20.0'),
        ([replace(FULL, config='b/full.py')], [], 'config of full, a/full.py and b'),
        (
            [replace(FULL, others=dict(new=[]))],
            [],
            r"headings of full, \[\] and \['new",
        ),
        ([FULL], ['120 iterations.'], r"the notes, \[\] and \['120 iterations.'\]"),
    ],
)
def test_runs_of_other_comparisons_have_no_mean(rows, notes, message):
    runs = {'seed_0': ([FULL], []), 'seed_1': ([FULL], []), 'seed_2': (rows, notes)}
    with pytest.raises(ValueError, match=f'seed_0 and seed_2 differ in {message}'):
        join_costs(runs)


def test_no_rows_and_damaged_ones(tmp_path):
    with pytest.raises(FileNotFoundError, match='is .* the folder of a label'):
        read_costs(tmp_path)
    (tmp_path / 'label_cost.json').write_text('{"rows": ')
    with pytest.raises(ValueError, match='label_cost.json'):
        read_costs(tmp_path)


def predictions(folder, value, names):
    """A stage's folder in which all images have one prediction."""
    palette = np.array([[0, 0, 0], [200, 30, 60], [20, 130, 60]], np.uint8)
    image = np.full((60, 80, 3), 120, np.uint8)
    maps = [np.full((60, 80), 1), np.full((60, 80), value)]
    strips = [
        Strip(
            'first images', name, None, write_strip(folder, name, image, maps, palette)
        )
        for name in names
    ]
    PredictionStrips({}, [], strips).write(folder)
    return folder


def test_predictions_of_the_same_images_stand_side_by_side(tmp_path):
    folders = {
        'full masks': predictions(tmp_path / 'full', 1, ['a', 'b']),
        'points': predictions(tmp_path / 'points', 2, ['b', 'c']),
        'later': tmp_path / 'later',
    }
    figure = draw_predictions(folders)
    shown = np.array(figure.axes).reshape(2, 4)
    assert [axes.get_title() for axes in shown[0]] == [
        *('image', 'label', 'full masks', 'points')
    ]
    colors = [
        [
            a.images[0].get_array().mean((0, 1)).round() if a.images else None
            for a in row
        ]
        for row in shown
    ]
    assert colors[0][3] is None  # its first images are others
    for found, color in zip(
        colors[1],
        [(120,) * 3, (200, 30, 60), (200, 30, 60), (20, 130, 60)],
        strict=True,
    ):
        assert np.abs(found - color).max() <= 3
    assert draw_predictions(dict(later=tmp_path / 'later')) is None


def test_a_page_shows_the_predictions(tmp_path):
    folder = predictions(tmp_path / 'full', 1, ['a'])
    write_label_cost(tmp_path, [replace(FULL, folder=str(folder))], 'demo')
    assert (tmp_path / 'label_cost.html').read_text().count('data:image/png') == 2
    picture = Image.open(tmp_path / 'label_cost_predictions.png')
    assert picture.width > picture.height
