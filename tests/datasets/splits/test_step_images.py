import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmseg_labelfree.datasets.splits.class_tasks import get_task
from mmseg_labelfree.datasets.splits.step_images import (
    check_image_list,
    class_presence,
    images_of_step,
    partition,
    read_image_list,
)


@st.composite
def scenes(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    step_of_class = np.repeat(np.arange(len(sizes)), sizes)
    shape = (draw(st.integers(0, 30)), len(step_of_class))
    return draw(hnp.arrays(bool, shape)), step_of_class, len(sizes)


@given(scenes())
def test_setups_agree_with_loops_over_images(scene):
    present, step_of_class, num_steps = scene
    for step in range(num_steps):
        expected = {'overlapped': [], 'disjoint': [], 'joint': []}
        for i, row in enumerate(present):
            steps = {
                int(s) for s, there in zip(step_of_class, row, strict=True) if there
            }
            if step in steps:
                expected['overlapped'].append(i)
            if step in steps and not any(s > step for s in steps):
                expected['disjoint'].append(i)
            if any(s <= step for s in steps):
                expected['joint'].append(i)
        for setup, images in expected.items():
            found = images_of_step(present, step_of_class, step, setup)
            assert found.tolist() == images


@pytest.mark.parametrize(
    ('setup', 'seed'), [('disjoint', None), ('partition', None), ('partition', 1)]
)
@given(scene=scenes())
def test_every_image_with_a_class_is_in_one_step(setup, seed, scene):
    present, step_of_class, num_steps = scene
    parts = [
        images_of_step(present, step_of_class, step, setup, seed, min_images=2)
        for step in range(num_steps)
    ]
    together = sorted(np.concatenate(parts).tolist())
    assert together == np.flatnonzero(present.any(1)).tolist()


def literal_walk(present, step_of_class):
    """The authors' rule, image by image and class by class, with dictionaries."""
    classes = range(present.shape[1])
    images_with = {c: [i for i, row in enumerate(present) if row[c]] for c in classes}
    n = {c: len(images) for c, images in images_with.items()}
    s = dict.fromkeys(classes, 0)
    steps = dict.fromkeys(range(len(present)), -1)
    for start in classes:
        for image in images_with[start]:
            if steps[image] != -1:
                continue
            own = [k for k in classes if present[image][k]]
            best, best_score = None, -1.0
            for c in own:
                score = 120 * (1 - s[c] / n[c]) + sum(n[k] for k in own) / n[c]
                if score > best_score:
                    best, best_score = c, score
            steps[image] = int(step_of_class[best])
            for k in own:
                s[k] += step_of_class[k] == steps[image]
    return list(steps.values())


@given(scenes(), st.randoms(use_true_random=False))
def test_rule_of_the_authors_is_the_literal_walk(scene, random):
    present, step_of_class, _ = scene
    random.shuffle(step_of_class)  # orders b and c: steps are mixed over the labels
    found = partition(present, step_of_class)
    assert found.tolist() == literal_walk(present, step_of_class)


@pytest.mark.parametrize('order', ['', 'b', 'c'])
@pytest.mark.parametrize('sizes', ['100-50', '100-10', '50-50'])
def test_rule_of_the_authors_on_a_table_like_that_of_ade20k(order, sizes):
    """Few classes are in most images, many in a few; each gets images in its step."""
    rng = np.random.default_rng(0)
    present = rng.random((2000, 150)) < 0.6 / np.arange(1, 151) ** 0.6
    task = get_task(f'ade20k_{sizes}{order}')
    step_of = {name: k for k, step in enumerate(task.steps) for name in step}
    names = get_task('ade20k_100-50').classes
    step_of_class = np.array([step_of[name] for name in names])
    steps = partition(present, step_of_class)
    assert steps.tolist() == literal_walk(present, step_of_class)
    for c in range(150):
        assert (present[:, c] & (steps == step_of_class[c])).any()


@given(scenes(), st.integers(0, 5), st.integers(0, 4))
def test_drawn_partition_keeps_its_promises(scene, seed, min_images):
    present, step_of_class, _ = scene
    steps = partition(present, step_of_class, seed, min_images)
    again = partition(present, step_of_class, seed, min_images)
    np.testing.assert_array_equal(steps, again)
    for i, step in enumerate(steps):
        own = set(step_of_class[present[i]].tolist())
        assert step in own or (step == -1 and not own)
    totals = present.sum(0)
    for c, total in enumerate(totals):
        kept = int((present[:, c] & (steps == step_of_class[c])).sum())
        if total >= min_images * len(totals):
            assert kept >= min_images
    if len(totals):
        rarest = int(np.argsort(totals, kind='stable')[0])
        kept = present[:, rarest] & (steps == step_of_class[rarest])
        assert kept.sum() >= min(min_images, totals[rarest])


def test_drawn_partition_serves_the_rare_class_and_draws_the_rest_evenly():
    rng = np.random.default_rng(0)
    present = np.zeros((4000, 2), bool)
    present[:, 0] = True
    present[rng.permutation(4000)[:60], 1] = True
    steps = partition(present, np.array([0, 1]), seed=0, min_images=50)
    assert (present[:, 1] & (steps == 1)).sum() >= 50
    both = np.ones((4000, 2), bool)
    share = (partition(both, np.array([0, 1]), seed=0) == 1).mean()
    assert 0.46 < share < 0.54
    assert (
        partition(both, np.array([0, 1]), seed=1)
        != partition(both, np.array([0, 1]), seed=0)
    ).any()


def test_presence_sums_raw_values_of_a_label():
    counts = np.zeros((2, 256), np.uint32)
    counts[0, 4] = 1
    counts[1, 9] = 7
    raw_labels = np.full(256, 255)
    raw_labels[[4, 9]] = 3, 1
    found = class_presence(counts, raw_labels, [1, 2, 3])
    assert found.tolist() == [[False, False, True], [True, False, False]]
    assert class_presence(counts, raw_labels, []).shape == (2, 0)


def test_unknown_setup():
    with pytest.raises(ValueError, match="'sequential'.*overlapped, disjoint"):
        images_of_step(np.ones((1, 1), bool), np.array([0]), 0, 'sequential')


NAMES = ['bonn/one', 'bonn/two', 'ulm/three']


def test_lists_of_names_and_indices(tmp_path):
    text = tmp_path / 'step.txt'
    text.write_text('/x/JPEGImages/three.jpg /x/masks/three.png\n\nbonn/one\n')
    assert read_image_list(text, NAMES).tolist() == [0, 2]
    np.save(tmp_path / 'step.npy', np.array([2, 0, 2]))
    assert read_image_list(tmp_path / 'step.npy', NAMES).tolist() == [0, 2]


@pytest.mark.parametrize(
    'names',
    [
        ['my image 1', 'my image 2', 'my'],
        ['a.b', 'a', 'a.b.c'],
        ['#1', '100%', "it's"],
        ['Größe/数据 1', 'x\u2028y', 'x\x85y', 'x\x0cz'],
        ['cam 1/0001', 'cam 2/0001', 'cam 1/0002'],
    ],
)
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_names_are_read_back_whatever_they_look_like(tmp_path, names, end):
    for chosen in ([0], [1, 2], list(range(len(names)))):
        text = end.join(names[i] for i in chosen) + end
        (tmp_path / 'list.txt').write_bytes(b'\xef\xbb\xbf' + text.encode())
        assert read_image_list(tmp_path / 'list.txt', names).tolist() == chosen


def test_file_names_are_taken_while_they_are_unique(tmp_path):
    names = ['a/0001', 'b/0001', 'b/0002', '0001']
    (tmp_path / 'list.txt').write_text('0002.png\n0001\n')
    # The last image is called so in full.
    assert read_image_list(tmp_path / 'list.txt', names).tolist() == [2, 3]
    message = 'list.txt, line 2: 0001 may be a/0001 or b/0001'
    with pytest.raises(ValueError, match=message):
        read_image_list(tmp_path / 'list.txt', names[:3])


def test_indices_must_fit_without_exception():
    names = [f'{i}' for i in range(6)]
    present = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 1], [0, 0]], bool)
    steps = np.array([0, 1])

    def check(file, step, indices, **kwargs):
        check_image_list(file, np.array(indices), present, steps, step, names, **kwargs)

    check('0.npy', 0, [0, 1, 3])
    with pytest.raises(
        ValueError, match=r'1 of the 3 images of 0.npy .* first 2.*order'
    ):
        check('0.npy', 0, [0, 1, 2])
    with pytest.raises(
        ValueError, match='hold a class of a later step than 0, first 1'
    ):
        check('0.npy', 0, [0, 1, 3], disjoint=True)
    check('0.npy', 0, [0, 3], disjoint=True)
    check('1.npy', 1, [1, 2], disjoint=True)
    # Names say which images they mean: one without a class does no harm.
    check('0.txt', 0, [0, 1, 2])
    with pytest.raises(ValueError, match='2 of the 3 .* other classes'):
        check('0.txt', 0, [0, 2, 4])


def test_wrong_lists(tmp_path):
    with pytest.raises(FileNotFoundError, match='absent.txt'):
        read_image_list(tmp_path / 'absent.txt', NAMES)
    (tmp_path / 'step.txt').write_text('one\nfour\nfive\n')
    with pytest.raises(ValueError, match=r'names 2 images .* four \(line 2\), five'):
        read_image_list(tmp_path / 'step.txt', NAMES)
    np.save(tmp_path / 'step.npy', np.array([0, 3]))
    with pytest.raises(ValueError, match='index 3, .* 3 images'):
        read_image_list(tmp_path / 'step.npy', NAMES)
