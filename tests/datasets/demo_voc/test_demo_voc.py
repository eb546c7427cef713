import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets.demo_voc import dataset as demo_voc
from mmseg_labelfree.datasets.demo_voc import scenes as demo_voc_scenes
from mmseg_labelfree.datasets.demo_voc.classes import (
    CLASSES,
    class_attributes,
    plan_scenes,
)
from mmseg_labelfree.datasets.demo_voc.dataset import DemoVOCDataset, write_demo_voc
from mmseg_labelfree.datasets.demo_voc.scenes import render_scene
from mmseg_labelfree.datasets.demo_voc.styles import STYLES

SMALL = dict(num_train=40, num_val=30)
VAL = 'ImageSets/Segmentation/val.txt'
WRITE = (
    'import sys; from mmseg_labelfree.datasets.demo_voc.dataset import write_demo_voc; '
    'write_demo_voc(sys.argv[1], num_train=40, num_val=30, seed=3, progress=False)'
)


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp('demo') / 'deep' / 'demo_voc'
    return write_demo_voc(root, **SMALL, seed=3, progress=False)


def contents(root):
    files = (p for p in Path(root).rglob('*') if p.is_file())
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


def names_of(root, split):
    return (root / f'ImageSets/Segmentation/{split}.txt').read_text().split()


def test_layout_is_that_of_voc(demo):
    train, val = names_of(demo, 'train'), names_of(demo, 'val')
    assert (len(train), len(val)) == (40, 30)
    names = set(train) | set(val)
    assert len(names) == 70
    assert {p.name for p in (demo / 'JPEGImages').iterdir()} == {
        f'{n}.jpg' for n in names
    }
    assert {p.name for p in (demo / 'SegmentationClass').iterdir()} == {
        f'{n}.png' for n in names
    }
    assert {p.name for p in demo.iterdir()} == {
        'JPEGImages',
        'SegmentationClass',
        'ImageSets',
        'demo_voc.json',
    }
    sizes = set()
    for name in names:
        image = Image.open(demo / 'JPEGImages' / f'{name}.jpg')
        mask = Image.open(demo / 'SegmentationClass' / f'{name}.png')
        assert (image.format, image.mode) == ('JPEG', 'RGB')
        assert (mask.format, mask.mode) == ('PNG', 'P')
        assert image.size == mask.size
        sizes.add(image.size)
    assert len(sizes) > 2
    assert sizes <= set(demo_voc_scenes.SIZES)
    assert not list(demo.parent.glob('.demo_voc*'))


def test_masks_have_the_palette_of_voc(demo):
    mask = Image.open(demo / 'SegmentationClass' / f'{names_of(demo, "val")[0]}.png')
    palette = np.array(mask.getpalette()).reshape(-1, 3)
    expected = PascalVOCDataset.METAINFO['palette']
    np.testing.assert_array_equal(palette[:21], expected)
    np.testing.assert_array_equal(palette[255], (224, 224, 192))


def test_border_of_255_runs_between_any_two_labels(demo):
    for name in names_of(demo, 'val'):
        label = np.array(Image.open(demo / 'SegmentationClass' / f'{name}.png'))
        assert set(np.unique(label)) <= {*range(21), 255}
        share = (label == 255).mean()
        assert 0 < share < 0.2
        for a, b in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
            both = (a != 255) & (b != 255)
            np.testing.assert_array_equal(a[both], b[both])
        # Thin: no 5x5 block is all border.
        blocks = np.lib.stride_tricks.sliding_window_view(label == 255, (5, 5))
        assert not blocks.all(axis=(2, 3)).any()


def test_background_pixels_are_those_that_no_object_touches(monkeypatch):
    """Labels follow the drawn coverage, later objects over earlier ones."""
    ids = [3, 11, 16]
    image, label = render_scene(ids, np.random.default_rng(26))
    drawn = []
    place = demo_voc_scenes.place_object

    def spy(*args):
        drawn.append(place(*args))
        return drawn[-1]

    monkeypatch.setattr(demo_voc_scenes, 'place_object', spy)
    again, label_again = render_scene(ids, np.random.default_rng(26))
    np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(label_again, label)
    assert len(drawn) == 3  # no second try for this seed, so all three are drawn
    cover = np.stack([at.cover for at in drawn])
    assert (cover[:, label == 0] < 0.5).all()
    free = cover.max(axis=0) == 0
    assert set(np.unique(label[free])) <= {0, 255}
    for i, class_id in enumerate(ids):
        inside = label == class_id + 1
        assert inside.sum() > 50
        assert (cover[i, inside] >= 0.5).all()
        assert (cover[i + 1 :, inside] < 0.5).all()  # nothing drawn later covers it


def test_objects_stand_out_from_the_background():
    saturation = dict(object=[], ground=[])
    for i in range(30):
        image, label = render_scene([i % 20], np.random.default_rng(i))
        image = image.astype(float)
        value = (image.max(-1) - image.min(-1)) / np.maximum(image.max(-1), 1)
        saturation['ground'].append(value[label == 0].mean())
        saturation['object'].append(value[(label > 0) & (label < 255)].mean())
    wins = np.array(saturation['object']) > np.array(saturation['ground']) + 0.1
    assert wins.mean() > 0.9


@pytest.mark.slow
def test_same_seed_same_bytes_in_another_process(demo, tmp_path):
    threads = '1' if os.environ.get('OMP_NUM_THREADS') == '2' else '2'
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    env = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': threads}
    root = tmp_path / 'demo_voc'
    subprocess.run([sys.executable, '-c', WRITE, str(root)], env=env, check=True)
    assert contents(root) == contents(demo)


def test_writers_that_start_at_once_share_one_folder(demo, tmp_path):
    root = tmp_path / 'demo_voc'
    barrier = threading.Barrier(3)

    def write(_):
        barrier.wait()
        return write_demo_voc(root, **SMALL, seed=3, progress=False)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(write, range(3))) == [root] * 3
    assert contents(root) == contents(demo)
    assert list(tmp_path.iterdir()) == [root]


def test_loser_of_the_rename_uses_the_winners_folder(demo, tmp_path, monkeypatch):
    root = tmp_path / 'demo_voc'

    def plan_after_another(*args):
        monkeypatch.setattr(demo_voc, 'plan_scenes', plan_scenes)
        write_demo_voc(root, **SMALL, seed=3, progress=False)
        (root / 'winner').touch()
        return plan_scenes(*args)

    monkeypatch.setattr(demo_voc, 'plan_scenes', plan_after_another)
    assert write_demo_voc(root, **SMALL, seed=3, progress=False) == root
    assert (root / 'winner').exists()
    assert [p.name for p in tmp_path.iterdir()] == ['demo_voc']


def test_scene_depends_on_its_own_number_only(demo):
    plan = plan_scenes(30, np.random.default_rng((3, 1)))
    for i in (29, 4, 17):
        _, label = render_scene(plan[i], np.random.default_rng((3, 1, i)))
        stored = Image.open(demo / f'SegmentationClass/demo_val_{i:05d}.png')
        np.testing.assert_array_equal(np.array(stored), label)


def test_other_seed_gives_other_scenes(demo, tmp_path):
    other = write_demo_voc(tmp_path / 'x', 20, 20, seed=4, progress=False)
    name = 'JPEGImages/demo_val_00000.jpg'
    assert (other / name).read_bytes() != (demo / name).read_bytes()


def test_default_sizes_hold_every_class_often_enough():
    """Counts of the objects that are certain to be drawn, then of all planned ones."""
    for split_id, num, least in ((0, 900, 28), (1, 200, 6)):
        plan = plan_scenes(num, np.random.default_rng((0, split_id)))
        first = Counter(ids[0] for ids in plan)
        assert min(first[c] for c in range(20)) >= least
        f = [cls.frequency for cls in CLASSES]
        for c in range(20):
            assert abs(first[c] - num * f[c] / sum(f)) <= 1


@pytest.mark.slow
def test_default_train_split_is_unequal_and_mixes_old_with_new_classes():
    plan = plan_scenes(900, np.random.default_rng((0, 0)))
    images, pixels = np.zeros(21, int), np.zeros(21)
    together = np.zeros((21, 21), int)
    for i, ids in enumerate(plan):
        _, label = render_scene(ids, np.random.default_rng((0, 0, i)))
        count = np.bincount(label.ravel(), minlength=256)[:21]
        present = np.flatnonzero(count)
        images[present] += 1
        pixels += count
        together[np.ix_(present, present)] += 1
    assert images[1:].min() >= 55
    assert images[16:].min() >= 60
    assert 2 <= images[1:].max() / images[1:].min() <= 4
    assert 0.4 < pixels[0] / pixels.sum() < 0.8
    # Background shift: each late class has earlier company in a third of its images.
    for late in range(16, 21):
        assert together[late, 1:16].sum() > images[late] / 3
    # Classes of one group meet more often than chance would have it.
    group = np.array(['', *(cls.group for cls in CLASSES)])
    same = group[:, None] == group[None]
    expected = np.outer(images, images) / 900
    off = ~np.eye(21, dtype=bool)
    off[0] = off[:, 0] = False
    lift = together / np.maximum(expected, 1)
    assert lift[same & off].mean() > 1.5 * lift[~same & off].mean()


def test_class_names_are_those_of_voc_in_order():
    names, vectors = class_attributes()
    assert names == PascalVOCDataset.METAINFO['classes'][1:]
    assert DemoVOCDataset.METAINFO == PascalVOCDataset.METAINFO
    assert vectors.shape == (20, 16)
    assert vectors.dtype == np.float32


def test_attribute_vectors_are_unique_one_hots_of_shared_values():
    _, vectors = class_attributes()
    assert len(np.unique(vectors, axis=0)) == 20
    for part in (vectors[:, :5], vectors[:, 5:9], vectors[:, 9:]):
        np.testing.assert_array_equal(part.sum(1), 1)
        assert part.sum(0).min() >= 2  # no value names its class
        assert part[:15].sum(0).min() >= 2  # nor among the first fifteen
    seen, unseen = vectors[:15], vectors[15:]
    assert (unseen.sum(0) <= seen.sum(0) * 20).all()
    # The late classes are new combinations: at most one attribute in common.
    assert (unseen @ seen.T).max() == 1


def test_attribute_vectors_match_the_class_table():
    _, vectors = class_attributes()
    values = (
        'disc square triangle star cross plain stripes dots checks '
        'red orange green teal blue violet pink'
    ).split()
    for cls, row in zip(CLASSES, vectors, strict=True):
        on = {values[i] for i in np.flatnonzero(row)}
        assert on == {cls.shape, cls.texture, cls.color}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 19), min_size=1, max_size=4), st.integers(0, 2**31))
def test_any_scene_shows_its_first_object_and_no_other_class(ids, seed):
    image, label = render_scene(ids, np.random.default_rng(seed))
    assert image.dtype == label.dtype == np.uint8
    assert image.shape == (*label.shape, 3)
    assert label.shape[::-1] in demo_voc_scenes.SIZES
    found = set(np.unique(label)) - {0, 255}
    assert ids[0] + 1 in found
    assert found <= {i + 1 for i in ids}


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 400), st.integers(0, 2**31))
def test_plan_deals_the_first_objects_by_frequency(num, seed):
    plan = plan_scenes(num, np.random.default_rng(seed))
    assert len(plan) == num
    assert {len(ids) for ids in plan} <= {1, 2, 3, 4}
    f = np.array([cls.frequency for cls in CLASSES])
    first = np.bincount([ids[0] for ids in plan], minlength=20)
    assert np.abs(first - num * f / f.sum()).max() <= 1


def test_texture_patterns():
    x = np.arange(0, 16, dtype=np.float32)
    u, v = np.meshgrid(x, x)
    pattern = {
        t: demo_voc_scenes.texture_pattern(t, u, v, 8.0)
        for t in demo_voc_scenes.TEXTURES
    }
    assert (pattern['plain'] == 1).all()
    np.testing.assert_array_equal(pattern['stripes'][0], pattern['stripes'][5])
    for name in ('stripes', 'dots', 'checks'):
        np.testing.assert_allclose(
            pattern[name][:8, :8], pattern[name][8:, 8:], atol=1e-5
        )
        assert pattern[name].min() == 0
        assert pattern[name].max() == 1
    assert pattern['checks'][2, 2] == 1  # sin = sin = 1
    assert pattern['checks'][2, 6] == 0  # one of them -1
    assert pattern['dots'][2, 2] == 0  # the middle of a dot has the second color


def test_outlines_have_equal_area():
    for shape in demo_voc_scenes.SHAPES:
        x, y = demo_voc_scenes.OUTLINES[shape].T
        edges = zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True)
        area = sum(a * d - c * b for a, b, c, d in edges) / 2
        assert abs(area) == pytest.approx(np.pi)


def test_existing_folder_is_used_without_rewriting(demo):
    before = {p: p.stat().st_mtime_ns for p in demo.rglob('*')}
    args = dict(data_root=str(demo), **SMALL, seed=3)
    train = DATASETS.build(dict(type='DemoVOCDataset', **args))
    val = DATASETS.build(dict(type='DemoVOCDataset', ann_file=VAL, **args))
    assert (len(train), len(val)) == (40, 30)
    assert {p: p.stat().st_mtime_ns for p in demo.rglob('*')} == before


def test_dataset_loads_images_and_labels(demo):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
    ]
    data = DemoVOCDataset(
        str(demo), **SMALL, seed=3, ann_file=VAL, pipeline=pipeline, test_mode=True
    )
    sample = data[4]
    path = demo / 'SegmentationClass' / 'demo_val_00004.png'
    assert Path(sample['seg_map_path']) == path
    stored = np.array(Image.open(path))
    np.testing.assert_array_equal(sample['gt_seg_map'], stored)
    assert sample['img'].shape == (*stored.shape, 3)
    assert data.metainfo['classes'][15] == 'person'


def test_dataset_writes_the_data_on_first_use(tmp_path, capsys):
    data = DemoVOCDataset(str(tmp_path / 'new'), num_train=20, num_val=21)
    assert len(data) == 20
    metadata = json.loads((tmp_path / 'new' / 'demo_voc.json').read_text())
    assert metadata == dict(version=1, seed=0, num_train=20, num_val=21)
    assert 'Drawing demo_voc' in capsys.readouterr().out


def test_foreign_folder_is_refused_and_kept(tmp_path):
    (tmp_path / 'voc').mkdir()
    (tmp_path / 'voc' / 'precious.txt').write_text('mine')
    with pytest.raises(ValueError, match=r'voc exists but has no demo_voc\.json'):
        write_demo_voc(tmp_path / 'voc', **SMALL, progress=False)
    assert contents(tmp_path / 'voc') == {'precious.txt': b'mine'}


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / 'voc').write_text('mine')
    with pytest.raises(ValueError, match='is not generated demo data'):
        write_demo_voc(tmp_path / 'voc', **SMALL, progress=False)


def test_other_demo_data_is_refused_with_the_difference(demo):
    with pytest.raises(ValueError, match='num_val is 30 and should be 31') as error:
        write_demo_voc(demo, num_train=40, num_val=31, seed=3)
    assert str(demo) in str(error.value)
    assert 'num_train' not in str(error.value)
    with pytest.raises(ValueError, match='seed is 3 and should be 0'):
        DemoVOCDataset(str(demo), **SMALL)


@pytest.mark.parametrize('text', ['{"seed": 0,', '[1]'])
def test_damaged_metadata_is_reported(tmp_path, text):
    (tmp_path / 'demo_voc.json').write_text(text)
    with pytest.raises(ValueError, match='is damaged; delete the folder'):
        write_demo_voc(tmp_path, **SMALL, progress=False)


def test_interruption_leaves_nothing_and_old_leftovers_go(tmp_path, monkeypatch):
    old = tmp_path / '.demo_voc.unfinished-old'
    young = tmp_path / '.demo_voc.unfinished-young'
    for left in (old, young):
        (left / 'JPEGImages').mkdir(parents=True)
    hours_ago = time.time() - 2 * 3600
    os.utime(old, (hours_ago, hours_ago))

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo_voc, 'render_scene', interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_demo_voc(tmp_path / 'demo_voc', 20, 20, progress=False)
    assert list(tmp_path.iterdir()) == [young]  # perhaps of a running process
    assert write_demo_voc(tmp_path / 'demo_voc', 20, 20, progress=False).is_dir()


def test_empty_folder_is_filled(tmp_path):
    root = write_demo_voc(tmp_path, 20, 20, progress=False)
    assert len(names_of(root, 'train')) == 20


@pytest.mark.parametrize(
    'args, message',
    [
        (dict(num_train=19), 'num_train=19: give at least 20'),
        (dict(num_val=0), 'num_val=0: give at least 20'),
        (dict(seed=-1), 'seed=-1: give a seed of 0 or more'),
    ],
)
def test_bad_arguments(tmp_path, args, message):
    with pytest.raises(ValueError, match=message):
        write_demo_voc(tmp_path / 'x', **args)
    assert not (tmp_path / 'x').exists()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 19), min_size=1, max_size=4), st.integers(0, 2**31))
def test_a_style_changes_the_look_and_not_the_scene(ids, seed):
    plain, label = render_scene(ids, np.random.default_rng(seed))
    again, _ = render_scene(ids, np.random.default_rng(seed), STYLES['plain'])
    dusk, same = render_scene(ids, np.random.default_rng(seed), STYLES['dusk'])
    np.testing.assert_array_equal(again, plain)
    np.testing.assert_array_equal(same, label)
    assert dusk.mean() < plain.mean()


def test_plain_style_leaves_colors_as_they_are():
    image = np.random.default_rng(0).random((6, 5, 3), np.float32)
    image[0] = 0, 1, 0.5
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(STYLES['plain'].photograph(image, rng), image)


def test_style_has_a_folder_of_its_own(demo, tmp_path):
    dusk = dict(SMALL, seed=3, progress=False, style='dusk')
    with pytest.raises(ValueError, match='style is plain and should be dusk'):
        write_demo_voc(demo, **dusk)
    other = write_demo_voc(tmp_path / 'dusk', **dusk)
    assert json.loads((other / 'demo_voc.json').read_text())['style'] == 'dusk'
    assert 'style' not in json.loads((demo / 'demo_voc.json').read_text())
    one, two = contents(demo), contents(other)
    assert one.keys() == two.keys()
    for name, content in one.items():
        differs = name.endswith(('.jpg', '.json'))
        assert (two[name] != content) == differs, name
    with pytest.raises(ValueError, match='style is dusk and should be plain'):
        DemoVOCDataset(str(other), **SMALL, seed=3)
    dataset = DemoVOCDataset(str(other), **SMALL, seed=3, style='dusk')
    assert len(dataset) == 40
    with pytest.raises(
        ValueError, match="style='night' is unknown; use one of 'plain'"
    ):
        write_demo_voc(tmp_path / 'night', **SMALL, style='night')
