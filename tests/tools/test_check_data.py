"""The check of a config's data: numbers of images, weak labels, faulty files."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmseg_labelfree.datasets.splits import published_counts
from mmseg_labelfree.engine.protocols import class_incremental, novel_class_discovery

spec = importlib.util.spec_from_file_location(
    'check_data', Path(__file__).parents[2] / 'tools/check_data.py'
)
check_data = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_data)


@pytest.fixture
def check(tmp_path, capsys, monkeypatch):
    """Run the tool on a config; gives the exit code, and what it printed."""
    monkeypatch.setenv('COLUMNS', '150')

    def run(cfg, *arguments):
        path = tmp_path / 'checked.py'
        cfg = Config(cfg) if isinstance(cfg, dict) else cfg
        cfg.dump(path)
        code = check_data.main([str(path), *arguments])
        return code, ''.join(capsys.readouterr())

    return run


def rows(text):
    """Cells of the rows of tables."""
    cells = [line.replace('│', '|').split('|')[1:-1] for line in text.splitlines()]
    return [[cell.strip() for cell in row] for row in cells if row]


class TestSteps:
    @pytest.fixture
    def config(self, tmp_path, monkeypatch):
        """Five images of two pixels, in two steps."""
        monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
        for kind in ('images', 'labels'):
            (tmp_path / kind).mkdir()
        for i, mask in enumerate([[0, 3], [3, 8], [0, 1], [8, 8], [3, 3]]):
            label = np.array([mask], np.uint8)
            Image.fromarray(label).save(tmp_path / f'labels/{i}.png')
            Image.new('RGB', (2, 1)).save(tmp_path / f'images/{i}.jpg')
        steps = [['sky', 'road'], ['car']]
        load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
        inner = dict(
            type='CamVidDataset',
            data_root=str(tmp_path),
            data_prefix=dict(img_path='images', seg_map_path='labels'),
            pipeline=[*load, dict(type='PackSegInputs')],
            serialize_data=False,
        )
        step = dict(type='IncrementalDataset', task=[['sky']], step=0)
        return dict(
            train_dataloader=dict(dataset=dict(step, dataset=inner)),
            val_dataloader=dict(
                dataset=dict(step, dataset=dict(inner, test_mode=True))
            ),
            protocol=dict(
                type='ClassIncrementalProtocol', task=steps, setup='disjoint'
            ),
        )

    def test_images_and_classes_of_each_step(self, config, check):
        code, out = check(config, '--deep')
        assert code == 0
        assert [[row[0], *row[2:]] for row in rows(out)] == [
            ['train 0', '3', '-', 'sky, road'],
            ['val 0', '4', '-', ''],
            ['train 1', '2', '-', 'car'],
            ['val 1', '5', '-', ''],
        ]
        assert '5 training images in all, 5 for validation.' in out
        assert '0 faulty' in out

    def test_config_options_replace_settings(self, config, check):
        _, out = check(config, '--cfg-options', 'protocol.setup=overlapped')
        assert [row[2] for row in rows(out)] == ['4', '4', '2', '5']
        _, out = check(config, '--cfg-options', 'protocol.setup=joint')
        assert [row[:3:2] for row in rows(out)] == [['train 1', '5'], ['val 1', '5']]

    def test_a_finished_first_step_is_checked_all_the_same(self, config, check):
        _, out = check(config, '--cfg-options', 'protocol.base_checkpoint=elsewhere')
        assert [row[2] for row in rows(out)] == ['3', '4', '2', '5']

    def test_deep_finds_broken_images_and_other_sizes(self, config, check, tmp_path):
        (tmp_path / 'images/0.jpg').write_bytes(b'')
        Image.new('RGB', (4, 1)).save(tmp_path / 'images/3.jpg')
        assert check(config)[0] == 0
        code, out = check(config, '--deep')
        assert code == 1
        assert '0.jpg cannot be read' in out
        assert '3.jpg is 4x1 but its mask' in out
        assert '2 faulty' in out

    def test_known_numbers(self, config, check, monkeypatch):
        """The task is taken for one of the paper, of as many images."""

        def known(task, setup, num_images, has_lists, reordered):
            assert (task.num_steps, setup, has_lists) == (2, 'disjoint', False)
            assert reordered  # no task of the table
            return ((3, 4), 7) if num_images == 5 else (None, None)

        monkeypatch.setattr(class_incremental, 'expected_counts', known)
        code, out = check(config)
        assert code == 1
        assert [row[3] for row in rows(out)] == [
            'ok',
            '-',
            'expected 4',
            '-',
            'expected 7',
        ]
        assert 'trainaug' in out

    def test_bad_configs_are_one_message(self, config, check):
        option = 'val_dataloader.dataset.dataset.test_mode=False'
        code, out = check(config, '--cfg-options', option)
        assert code == 1 and 'validation images' in out and 'test_mode=True' in out
        option = 'train_dataloader.dataset.dataset.data_root=/nowhere'
        code, out = check(config, '--cfg-options', option)
        assert code == 1 and '/nowhere does not exist' in out


class TestFold:
    def test_numbers_of_a_fold(self, novel, check):
        code, out = check(novel)
        assert code == 0 and '24 training images in all' in out
        found = {row[0]: row[2:] for row in rows(out)}
        assert list(found) == ['mixed', 'base', 'novel', 'val']
        assert found['novel'][2] == 'frame'
        assert int(found['base'][0]) + int(found['novel'][0]) == 24
        assert {row[1] for row in found.values()} == {'-'}

    def test_known_numbers(self, novel, check, monkeypatch):
        """The fold is taken for one of the paper, of as many images."""
        monkeypatch.setattr(
            novel_class_discovery,
            'expected_fold_counts',
            lambda fold, total: dict(novel=14, base=1) if total == 24 else {},
        )
        code, out = check(novel, '--cfg-options', 'protocol.fold.base=[square]')
        assert code == 1
        verdicts = {row[0]: row[3] for row in rows(out)}
        assert verdicts['novel'] == 'ok' and verdicts['base'] == 'expected 1'
        assert verdicts['mixed'] == verdicts['val'] == '-'
        assert published_counts.FOLD_COUNTS['pascal-5i_fold0']['novel'] == 2836

    def test_a_class_that_the_dataset_lacks(self, novel, check):
        code, out = check(novel, '--cfg-options', 'protocol.fold.novel=[circle]')
        assert code == 1 and "class 'circle' of task" in out


class TestOtherConfigs:
    def test_sources_of_a_mixed_batch(self, semi, check):
        """Masks of unlabeled images need not exist."""
        unlabeled = semi.train_dataloader.dataset.datasets[1].dataset
        unlabeled.data_prefix = dict(img_path='JPEGImages', seg_map_path='')
        code, out = check(semi, '--deep')
        assert code == 0
        assert [row[:3] for row in rows(out)] == [
            ['train labeled', "training images, source 'labeled'", '8'],
            ['train unlabeled', "training images, source 'unlabeled'", '24'],
            ['val', 'validation images', '6'],
        ]
        assert '24 training images in all, 6 for validation.' in out
        assert '0 faulty' in out

    def test_self_training(self, tiny, check):
        for loader in (tiny.train_dataloader, tiny.val_dataloader):
            loader.dataset = dict(
                type='ZeroLabelDataset', split='voc_15-5', dataset=loader.dataset
            )
        split = dict(seen=['square', 'bar', 'dot'], unseen=['frame'])
        tiny.protocol = dict(type='SelfTrainingProtocol', split=split, rounds=0)
        code, out = check(tiny)
        assert code == 0
        assert [row[:3:2] for row in rows(out)] == [['train', '24'], ['val', '6']]

    def test_a_backbone_of_another_scope(
        self, pretraining, label_cost, check, tmp_path
    ):
        """Its pipeline is one of MMPretrain; alone, and as a row of a comparison."""
        code, out = check(pretraining)
        assert code == 0
        assert [row[:3:2] for row in rows(out)] == [['train', '30']]
        pretraining.dump(tmp_path / 'bare.py')
        given = label_cost.protocol.rows
        bare = dict(config=str(tmp_path / 'bare.py'), seconds=0, score='mIoU')
        label_cost.protocol.rows = dict(bare=bare, full=given.full)
        code, out = check(label_cost)
        assert code == 0
        assert [row[0] for row in rows(out)] == ['bare train', 'full train', 'full val']

    def test_config_without_data(self, check):
        code, out = check(dict(model=dict()))
        assert code == 1 and 'checked.py has no train_dataloader' in out


class TestWeakLabels:
    @pytest.fixture
    def with_labels(self, tiny):
        """The boxes with weak labels in training."""

        def make(*transforms, repeated=False):
            dataset = tiny.train_dataloader.dataset
            load, pack = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
            dataset.pipeline = [load, *transforms, pack]
            if repeated:
                dataset = dict(type='RepeatDataset', times=3, dataset=dataset)
            return dict(train_dataloader=dict(dataset=dataset))

        return make

    @pytest.fixture
    def points(self, boxes_root, tmp_path):
        """A point of class 2 in each image, and where they are written."""
        names = (boxes_root / 'ImageSets/Segmentation/train.txt').read_text().split()
        points = {name: [dict(cls=2, x=4, y=5)] for name in names}
        file = tmp_path / 'points.json'

        def load(**changes):
            changed = {k: v for k, v in (points | changes).items() if v}
            file.write_text(json.dumps(changed))
            return dict(type='LoadPointAnnotations', ann_file=str(file))

        return load

    @pytest.mark.parametrize('repeated', [False, True])
    def test_counts(self, with_labels, points, check, repeated):
        two = [dict(cls=2, x=4, y=5), dict(cls=3, x=9, y=9)]
        weak = dict(points(train_000=two), source_classes=5)
        code, out = check(with_labels(weak, repeated=repeated))
        assert code == 0
        assert '24 images, 0 with faults, 0 without a label' in out
        assert ['2', 'bar', '24', '24'] in rows(out)
        assert ['3', 'dot', '1', '1'] in rows(out)
        assert ['254', '(unlabeled)', '24', str(24 * 32 * 32 - 25)] in rows(out)

    def test_faults(self, with_labels, points, check):
        outside = [dict(cls=3, x=99, y=9)]
        weak = dict(points(train_003=outside, train_005=None), invalid='skip')
        code, out = check(with_labels(weak))
        assert code == 1
        assert '24 images, 2 with faults, 0 without a label' in out
        assert 'image train_003: point (x=99, y=9) of class 3 is outside' in out
        assert 'image train_005: no annotation' in out

    def test_simulated_and_full_labels(self, with_labels, check):
        load = dict(type='LoadAnnotations')
        code, out = check(with_labels(load, dict(type='SimulatePoints')))
        assert code == 0 and 'square' in out
        code, out = check(with_labels(load))
        assert code == 0 and 'square' not in out


class TestDomains:
    @pytest.fixture
    def config(self, tmp_path, monkeypatch):
        """Two images of a source, one of the target, one for validation."""
        load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
        monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
        folders = dict(GTADataset='gta', CityscapesDataset='cityscapes')

        def images(kind, split, names, **kwargs):
            root = tmp_path / folders[kind]
            for folder in (f'images/{split}', f'labels/{split}'):
                (root / folder).mkdir(parents=True)
            for name in names:
                Image.new('RGB', (2, 2)).save(root / f'images/{split}/{name}')
                mask = Image.new('P', (2, 2), 7)
                mask.putpalette(bytes(range(256)) * 3)
                label = name.replace('_leftImg8bit', '_gtFine_labelTrainIds')
                mask.save(root / f'labels/{split}/{label}')
            prefix = dict(img_path=f'images/{split}', seg_map_path=f'labels/{split}')
            settings = dict(type=kind, data_root=str(root), data_prefix=prefix)
            return (
                settings | dict(pipeline=[*load, dict(type='PackSegInputs')]) | kwargs
            )

        suffix = '_leftImg8bit.png'
        source = images('GTADataset', 'train', ['1.png', '2.png'])
        target = images('CityscapesDataset', 'train', [f'a{suffix}'])
        val = images('CityscapesDataset', 'val', [f'b{suffix}'], test_mode=True)
        parts = [
            dict(type='SourceDataset', source='source', dataset=source),
            dict(type='SourceDataset', source='target', labeled=False, dataset=target),
        ]
        return dict(
            train_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=parts)),
            val_dataloader=dict(dataset=val),
        )

    def test_sizes_of_whole_datasets_are_known(self, config, check, monkeypatch):
        code, out = check(config)
        assert code == 1
        assert [row[:1] + row[2:4] for row in rows(out)] == [
            ['train source', '2', 'expected 24966'],
            ['train target', '1', 'expected 2975'],
            ['val', '1', 'expected 500'],
        ]
        known = dict(GTADataset=(2, None), CityscapesDataset=(1, 1))
        monkeypatch.setattr(published_counts, 'DATASET_IMAGES', known)
        assert check(config)[0] == 0

    def test_missing_masks_of_validation(self, config, check, tmp_path, monkeypatch):
        monkeypatch.setattr(check_data, 'expected_images', lambda *_: None)
        assert check(config)[0] == 0
        (mask,) = tmp_path.glob('**/labels/val/*')
        mask.unlink()
        code, out = check(config)
        assert code == 1
        assert f'{mask} does not exist' in out
        monkeypatch.setattr(check_data, 'MOST_NAMED', 0)
        assert 'and 1 more' in check(config)[1]

    def test_a_choice_of_images_has_no_known_size(self, config, check):
        source = config['train_dataloader']['dataset']['datasets'][0]
        source['dataset']['indices'] = 1
        _, out = check(config)
        assert ['train source', '1', '-'] in [r[:1] + r[2:4] for r in rows(out)]

    def test_synthia(self):
        wrapped = dict(type='SourceDataset', dataset=dict(type='SynthiaDataset'))
        assert published_counts.expected_images(wrapped, training=True) == 9400
        assert published_counts.expected_images(wrapped, training=False) is None


def test_masks_that_are_resized_may_have_another_size(check, tmp_path, monkeypatch):
    """As some of GTA5 have."""
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    Image.new('RGB', (6, 4)).save(tmp_path / 'images/1.png')
    Image.new('P', (6, 3), 7).save(tmp_path / 'labels/1.png')
    dataset = dict(
        type='GTADataset',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
    )
    cfg = dict(train_dataloader=dict(dataset=dataset))
    assert '0 faulty' in check(cfg, '--deep')[1]
    (tmp_path / 'labels/1.png').write_bytes(b'')
    assert 'labels/1.png cannot be read' in check(cfg, '--deep')[1].replace('\n', '')
