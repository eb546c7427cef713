"""Stages that run a job in place of a training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist
from mmengine.config import Config
from mmseg.registry import DATASETS, TASK_UTILS
from PIL import Image

from mmseg_labelfree.engine.jobs import (
    ImageJob,
    Images,
    Job,
    ResultFolder,
    image_names,
    run_job,
)
from mmseg_labelfree.engine.protocols import (
    ClassIncrementalProtocol,
    ProtocolRunner,
    Stage,
)
from mmseg_labelfree.utils.files import write_text


class Files:
    """A dataset of image files that are only named."""

    def __init__(self, *paths, folder=None):
        self.paths = paths
        self.data_prefix = dict(img_path=folder)

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return dict(img_path=self.paths[index])


class Part:
    """A wrapper that gives every second image."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset) // 2

    def get_data_info(self, index):
        return self.dataset.get_data_info(2 * index)


def test_names_of_images():
    files = Files('/d/images/ulm/1.png', '/d/images/2.jpg', folder='/d/images')
    assert image_names(files) == ['ulm/1', '2']
    assert image_names(Part(files)) == ['ulm/1']
    assert image_names(Files('a/1.png', 'b/1.png')) == ['a/1', 'b/1']
    twice = Files('/d/1.png', '/d/2.png', '/d/1.jpg', folder='/d')
    with pytest.raises(ValueError, match=r'the name 1: /d/1\.png and /d/1\.jpg'):
        image_names(twice)


def make_texts(folder, bad=None, **settings):
    """A file with the index of each image; lists what this process has made."""
    images = Images(Files(*(f'{i}.png' for i in range(7))))
    results = ResultFolder(folder, settings, '.txt')
    made = []

    def make(index):
        if index == bad:
            raise ValueError(f'image {index} is broken')
        made.append(index)
        write_text(results.path(images.names[index]), str(index))

    images.for_each(make, 'Texts', finished=results, num_threads=num_threads())
    return sorted(made)


def num_threads():
    return 2 if dist.is_initialized() else 1


def test_work_on_images_goes_on_where_it_stopped(tmp_path):
    with pytest.raises(ValueError, match='image 4 is broken'):
        make_texts(tmp_path, bad=4)
    assert sorted(p.stem for p in tmp_path.glob('*.txt')) == ['0', '1', '2', '3']
    assert make_texts(tmp_path) == [4, 5, 6]
    assert make_texts(tmp_path) == []
    images, seen = Images(Files('0.png', '1.png', '2.png')), []
    images.for_each(seen.append, 'Some', indices=[2, 0])
    assert seen == [2, 0] and images.path(2) == '2.png'


def test_two_processes_share_images(tmp_path, in_two_processes):
    first, second = in_two_processes(make_texts, tmp_path / 'texts', 3)
    assert isinstance(first, RuntimeError) and isinstance(second, ValueError)
    assert 'image 3 is broken' in str(first) and str(second) in str(first)
    (tmp_path / 'texts/2.txt').unlink()
    (tmp_path / 'texts/1.txt').unlink(missing_ok=True)
    left = [i for i in range(7) if not (tmp_path / f'texts/{i}.txt').exists()]
    first, second = in_two_processes(make_texts, tmp_path / 'texts')
    assert first == [i for i in left if i % 2 == 0]
    assert second == [i for i in left if i % 2 == 1]
    texts = [(tmp_path / f'texts/{i}.txt').read_text() for i in range(7)]
    assert texts == list('0123456')


def test_image_job_works_on_the_training_data_by_default(incremental):
    class CountJob(ImageJob):
        def run_on(self, images, cfg):
            return dict(images=len(images), size=images[0]['inputs'].shape[1])

    data = incremental.train_dataloader.dataset.dataset
    incremental.train_dataloader.dataset = data
    assert CountJob().run(incremental)['images'] == 24
    assert CountJob(dict(data, indices=3)).run(incremental)['images'] == 3


@pytest.fixture
def with_job():
    """A protocol that counts images after its first step."""

    @TASK_UTILS.register_module()
    class CountImages(Job):
        def __init__(self, factor):
            self.factor = factor

        def run(self, cfg):
            lines = Path(cfg.train_dataloader.dataset.dataset.data_root)
            lines = (lines / 'ImageSets/Segmentation/train.txt').read_text().split()
            write_text(Path(cfg.work_dir) / 'count.txt', f'{len(lines)}\n')
            return dict(images=self.factor * len(lines))

    @TASK_UTILS.register_module()
    class CountingProtocol(ClassIncrementalProtocol):
        def stages(self, cfg):
            first, second, _ = super().stages(cfg)
            job = self.stage_config(cfg, 'count')
            job.job = dict(type='CountImages', factor=2)
            return [first, Stage('count', job, 'count images'), second]

    yield 'CountingProtocol'
    TASK_UTILS.module_dict.pop('CountImages')
    TASK_UTILS.module_dict.pop('CountingProtocol')


@pytest.mark.slow
def test_a_job_is_a_stage_like_others(incremental, with_job):
    incremental.protocol.type = with_job
    runner = ProtocolRunner(incremental)
    assert [stage.length for stage in runner.stages] == [6, 0, 6]
    finished = runner.run()
    assert list(finished) == ['step_0', 'count', 'step_1']
    assert finished['count']['metrics'] == {'images': 48.0}
    work_dir = Path(incremental.work_dir)
    assert (work_dir / 'count' / 'count.txt').read_text() == '24\n'
    assert '| count | - | - |' in (work_dir / 'results.md').read_text()
    assert Config.fromfile(work_dir / 'count' / 'config.py').job.factor == 2
    marker = work_dir / 'count' / 'finished.json'
    before = marker.stat().st_mtime_ns
    ProtocolRunner(incremental, resume=True).run()
    assert marker.stat().st_mtime_ns == before, 'a finished job was run again'


@pytest.mark.slow
def test_a_job_that_failed_runs_again(incremental, with_job):
    incremental.protocol.type = with_job
    runner = ProtocolRunner(incremental)
    runner.run('step_0')
    ProtocolRunner(incremental, resume=True).run('count')
    marker = Path(incremental.work_dir) / 'count' / 'finished.json'
    content = json.loads(marker.read_text())
    marker.unlink()  # as if it had been killed before the end
    ProtocolRunner(incremental, resume=True).run('count')
    again = json.loads(marker.read_text())
    assert again['metrics'] == content['metrics']


def test_the_config_of_a_job_runs_alone(incremental, with_job):
    incremental.protocol.type = with_job
    stage = ProtocolRunner(incremental).stage('count')
    Path(stage.cfg.work_dir).mkdir(parents=True)
    assert run_job(stage.cfg) == {'images': 48.0}


@pytest.mark.parametrize('color', ['color', 'color_ignore_orientation', 'grayscale'])
def test_photos_are_what_the_pipeline_loads(tmp_path, color):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:4, :6] = 200
    Image.fromarray(pixels).save(tmp_path / 'a.jpg', exif=exif.tobytes(), quality=95)
    dataset = DATASETS.build(
        dict(
            type='SourceDataset',
            source='unlabeled',
            labeled=False,
            dataset=dict(
                type='BaseSegDataset',
                data_root=str(tmp_path),
                data_prefix=dict(img_path=''),
                pipeline=[
                    dict(type='LoadImageFromFile', color_type=color),
                    dict(type='PackSegInputs'),
                ],
            ),
        )
    )
    images = Images(dataset)
    photo = images.photo(0)
    loaded = images[0]['inputs'].permute(1, 2, 0).numpy()
    assert photo.shape == (*loaded.shape[:2], 3)
    assert np.array_equal(photo, np.broadcast_to(loaded, photo.shape))
    assert photo.shape[:2] == ((8, 12) if 'ignore' in color else (12, 8))


def test_images_outside_of_their_folder_have_no_place_for_results(tmp_path):
    (tmp_path / 'images').mkdir()
    Image.new('RGB', (4, 4)).save(tmp_path / 'other.jpg')
    (tmp_path / 'list.txt').write_text('other.jpg\n')
    inner = dict(
        type='BaseSegDataset',
        data_root=str(tmp_path),
        ann_file='list.txt',
        data_prefix=dict(img_path='images'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackSegInputs')],
    )
    source = dict(type='SourceDataset', source='u', labeled=False, dataset=inner)
    with pytest.raises(ValueError, match='other.jpg is not below the image folder'):
        Images(DATASETS.build(source))
