import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_labelfree.datasets.splits.class_tasks import TASKS, ClassTask, get_task
from mmseg_labelfree.datasets.splits.published_counts import expected_counts

SIZES = {
    'voc_19-1': [19, 1],
    'voc_15-5': [15, 5],
    'voc_15-1': [15, 1, 1, 1, 1, 1],
    'voc_10-1': [10] + [1] * 10,
    'ade20k_100-50': [100, 50],
    'ade20k_100-10': [100, 10, 10, 10, 10, 10],
    'ade20k_50-50': [50, 50, 50],
    **{
        f'ade20k_{name}{order}': sizes
        for order in 'bc'
        for name, sizes in {
            '100-50': [100, 50],
            '100-10': [100, 10, 10, 10, 10, 10],
            '50-50': [50, 50, 50],
        }.items()
    },
    'cityscapes_vehicles': [13, 6],
    'cityscapes_non-driving': [13, 6],
    'cityscapes_11-2': [11, 2, 2, 2, 2],
}


def test_table_has_the_step_sizes_of_the_papers():
    assert list(TASKS) == list(SIZES)
    for name, sizes in SIZES.items():
        assert [len(step) for step in get_task(name).steps] == sizes


def test_new_classes_that_the_paper_names():
    last_five = ('pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor')
    assert get_task('voc_15-5').new(1) == last_five
    assert get_task('voc_15-1').steps[1:] == tuple((name,) for name in last_five)
    assert get_task('voc_19-1').new(1) == ('tvmonitor',)
    assert get_task('voc_10-1').new(1) == ('diningtable',)
    assert get_task('ade20k_50-50').new(0)[:3] == ('wall', 'building', 'sky')
    assert get_task('ade20k_100-10').new(5)[-1] == 'flag'
    vehicles = ('car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle')
    assert get_task('cityscapes_vehicles').new(1) == vehicles
    assert get_task('cityscapes_vehicles').new(0) == (
        'road',
        'sidewalk',
        'building',
        'wall',
        'fence',
        'pole',
        'traffic light',
        'traffic sign',
        'vegetation',
        'terrain',
        'sky',
        'person',
        'rider',
    )
    assert get_task('cityscapes_non-driving').new(0) == (
        'road',
        'sidewalk',
        'pole',
        'traffic light',
        'traffic sign',
        'person',
        'rider',
        *vehicles,
    )
    assert get_task('cityscapes_11-2').steps[1:] == (
        ('person', 'rider'),
        ('car', 'truck'),
        ('bus', 'train'),
        ('motorcycle', 'bicycle'),
    )


# The steps of 10 classes in the authors' tasks.py, as label numbers from 1 to 150; of
# the first step of 50 classes the sum and the sum of squares.
ADE_FIRST = {'b': (3627, 341015), 'c': (3602, 363446)}
ADE_TENS = {
    'b': '11 16 50 64 66 73 89 92 145 146, 30 37 51 52 72 85 98 114 115 138, '
    '2 35 65 97 110 111 112 118 124 141, 4 7 15 41 67 78 79 88 108 139, '
    '17 20 59 68 83 94 102 122 127 137',
    'c': '3 4 7 18 39 64 73 101 113 137, 47 51 55 60 62 80 116 127 140 148, '
    '22 42 49 58 59 89 91 92 108 125, 2 38 53 100 104 117 130 131 141 145, '
    '15 21 72 75 88 93 103 107 122 150',
}


@pytest.mark.parametrize('order', ['b', 'c'])
def test_orders_b_and_c_of_ade20k(order):
    label = {name: k for k, name in enumerate(get_task('ade20k_100-50').classes, 1)}
    tasks = {
        sizes: [[label[name] for name in step] for step in task.steps]
        for sizes in ('100-50', '100-10', '50-50')
        for task in [get_task(f'ade20k_{sizes}{order}')]
    }
    tens = [[int(k) for k in step.split()] for step in ADE_TENS[order].split(', ')]
    assert tasks['100-10'][1:] == tens
    base = sorted(set(range(1, 151)) - set(sum(tens, [])))
    assert tasks['100-50'] == [base, sorted(sum(tens, []))]
    assert tasks['100-10'][0] == base
    first, second, third = tasks['50-50']
    assert sorted(first + second) == base and third == tasks['100-50'][1]
    assert (first == sorted(first)) and (second == sorted(second))
    assert (sum(first), sum(k * k for k in first)) == ADE_FIRST[order]


@given(st.sampled_from(list(TASKS)), st.none() | st.integers(0, 99), st.data())
def test_old_new_and_future_split_all_classes(name, order, data):
    task = get_task(name, order)
    step = data.draw(st.integers(0, task.num_steps - 1))
    assert task.seen(step) == task.old(step) + task.new(step)
    assert task.seen(step) + task.future(step) == task.classes
    assert sorted(task.classes) == sorted(get_task(name).classes)
    assert [len(s) for s in task.steps] == SIZES[name]


def test_class_orders():
    shuffled = get_task('voc_15-5', 3)
    assert shuffled == get_task('voc_15-5', 3)
    assert shuffled != get_task('voc_15-5', 4)
    assert shuffled != get_task('voc_15-5')
    listed = get_task([['dog', 'cat'], ['cow']], ['cow', 'dog', 'cat'])
    assert listed.steps == (('cow', 'dog'), ('cat',))
    assert listed.name == 'custom_2-1'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['voc_15-2'], 'voc_15-2.*voc_19-1.*cityscapes_11-2'),
        ([[['dog'], []]], 'step 1 .* has no class'),
        ([[]], 'no step'),
        ([[['dog', 'cat'], ['dog']]], "'dog'.*step 0 and in step 1"),
        ([['dog', 'cat']], 'step 0 .*list of class names'),
        ([[['dog', 'cat']], ['dog']], r"missing: \['cat'\]"),
        ([[['dog', 'cat']], ['dog', 'cats']], r"unknown: \['cats'\] .*'cat'"),
        ([[['dog', 'cat']], ['dog', 'cat', 'dog']], r"twice: \['dog'\]"),
    ],
)
def test_wrong_tasks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        get_task(*arguments)


@pytest.mark.parametrize('step', [-1, 2])
@pytest.mark.parametrize('method', ['old', 'new', 'seen', 'future'])
def test_step_out_of_range(step, method):
    task = ClassTask('pets', (('dog',), ('cat',)))
    with pytest.raises(ValueError, match=f'step {step} .*pets has steps 0 to 1'):
        getattr(task, method)(step)


def test_known_counts():
    voc = get_task('voc_15-1')
    assert expected_counts(voc, 'disjoint', 10582, False, False) == (
        (8437, 378, 299, 420, 500, 548),
        10582,
    )
    assert expected_counts(voc, 'disjoint', 1464, False, False) == (None, None)
    assert expected_counts(voc, 'disjoint', 10582, False, True) == (None, None)
    assert expected_counts(voc, 'joint', 10582, False, False) == (None, None)
    ade = get_task('ade20k_50-50')
    assert expected_counts(ade, 'partition', 20210, False, False) == (None, 20196)
    assert expected_counts(ade, 'partition', 20210, True, False) == (
        (8219, 6384, 5593),
        20196,
    )
    assert expected_counts(
        get_task('ade20k_50-50c'), 'partition', 20210, True, False
    ) == (None, 20196)


@pytest.mark.parametrize('sizes', ['100-50', '100-10', '50-50'])
@pytest.mark.parametrize('order', ['', 'b'])
def test_every_image_of_ade20k_is_in_one_published_list(sizes, order):
    task = get_task(f'ade20k_{sizes}{order}')
    counts, total = expected_counts(task, 'partition', 20210, True, False)
    assert len(counts) == task.num_steps and sum(counts) == total == 20196
