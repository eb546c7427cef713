"""What a user reads about each kind of file that is damaged; cheap ones come again."""

import json
import random
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets.damaged_files import load_image
from mmseg_labelfree.engine.jobs import (
    ResultFolder,
    SaliencyJob,
    entropy_ranking_job,
    novel_clustering_job,
    pseudo_label_job,
)
from mmseg_labelfree.engine.jobs.base import Images
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import check_checkpoint, load_checkpoint

pytestmark = pytest.mark.slow


def truncated(content):
    return content[: len(content) // 2]


def empty(content):
    return b''


def random_bytes(content):
    return random.Random(0).randbytes(max(len(content), 100))


def flipped(content):
    """Another content of 64 bytes in the middle, as of a bad disk."""
    middle = len(content) // 2
    broken = bytes(255 - b for b in content[middle : middle + 64])
    return content[:middle] + broken + content[middle + 64 :]


def without_last_line(content):
    return content[: content.rindex(b'\n', 0, -1) + 1]


DAMAGES = [truncated, empty, random_bytes]
damages = pytest.mark.parametrize('damage', DAMAGES)


@pytest.fixture
def damaged():
    """Damage a file; gives what was in it."""

    def change(path, damage):
        content = path.read_bytes()
        path.write_bytes(damage(content))
        return content

    return change


@pytest.mark.parametrize(
    ('damage', 'keep'), [(truncated, 1), (empty, 2), (random_bytes, 1), (flipped, 2)]
)
def test_checkpoint(
    damage, keep, incremental, written, train, start, damaged, tmp_path
):
    incremental.default_hooks.checkpoint.max_keep_ckpts = keep
    work = Path(incremental.work_dir)
    path, folder = written(incremental), work / 'step_0'
    ProtocolRunner(incremental).run('step_0')
    whole = load_checkpoint(folder)[0]
    marker = folder / 'finished.json'
    metrics = json.loads(marker.read_text())['metrics']
    latest = folder / 'iter_6.pth'
    damaged(latest, damage)
    onward = (
        'starts this training again'
        if keep == 1
        else f'goes on from {folder}/iter_4.pth'
    )
    message = (
        rf'Error: {latest} is not a readable checkpoint \(.+\): put a whole copy '
        rf'in its place, or delete it, after which --resume {onward}'
        r'( \(traceback in .*\))?\n$'
    )
    marker.unlink()
    for output in (
        train(path, '--stage', 'step_0', '--resume')[1],
        start('test.py', path, '--stage', 'step_0').end()[1],
    ):
        assert re.search(message, output), output
    latest.unlink()
    code, output = train(path, '--stage', 'step_0', '--resume')
    assert code == 0, output
    again = load_checkpoint(folder)[0]
    torch.testing.assert_close(again['state_dict'], whole['state_dict'], rtol=0, atol=0)
    assert json.loads(marker.read_text())['metrics'] == metrics


def test_a_whole_checkpoint_passes(tmp_path):
    """Also of torch's older format; torch.load reads what is verified."""
    weights = dict(state_dict=dict(w=torch.ones(3)))
    for zipped in (True, False):
        path = tmp_path / f'{zipped}.pth'
        torch.save(weights, path, _use_new_zipfile_serialization=zipped)
        check_checkpoint(path)
        assert torch.load(path)['state_dict']['w'].sum() == 3
        path.write_bytes(truncated(path.read_bytes()))
        with pytest.raises(ValueError, match=f'{path} is not a readable checkpoint'):
            check_checkpoint(path)


@damages
def test_pointer_of_a_plain_run(damage, semi, written, train, damaged, tmp_path):
    path, work = written(semi), Path(semi.work_dir)
    assert train(path)[0] == 0
    (work / 'finished.json').unlink()
    damaged(work / 'last_checkpoint', damage)
    code, output = train(path, '--resume')
    assert code == 0, output
    assert 'iter_6.pth' in output and (work / 'last_checkpoint').is_file()


@pytest.mark.parametrize('damage', [*DAMAGES, lambda content: b'{}'])
def test_marker(damage, incremental, damaged):
    ProtocolRunner(incremental).run('step_0')
    marker = Path(incremental.work_dir) / 'step_0/finished.json'
    content = json.loads(damaged(marker, damage))
    message = rf'{marker} is damaged \(.+\): --resume makes it again'
    with pytest.raises(ValueError, match=message):
        ProtocolRunner(incremental).run('step_0')
    with pytest.warns(UserWarning, match=message):
        ProtocolRunner(incremental, resume=True).run('step_0')
    assert json.loads(marker.read_text())['metrics'] == content['metrics']


def test_list_of_pictures(incremental, damaged, capsys):
    """It costs the report alone, which is there again without the list."""
    ProtocolRunner(incremental).run('step_0')
    work = Path(incremental.work_dir)
    index = work / 'step_0/predictions/index.json'
    for damage in DAMAGES:
        content = damaged(index, damage)
        assert 'step_0' in ProtocolRunner(incremental, resume=True).run('step_0')
        message = rf'report\.html is not there .*{index} is damaged \(.+\): delete it\n'
        assert re.search(message, capsys.readouterr().err)
        index.write_bytes(content)


@damages
def test_config_of_a_stage_and_of_the_run(damage, incremental, damaged):
    ProtocolRunner(incremental).run('step_0')
    for name in ('step_0/config.py', 'config.py'):
        config = Path(incremental.work_dir) / name
        content = damaged(config, damage)
        with pytest.raises(
            ValueError, match=rf'{config} is damaged \([^)]+.*: delete it, or'
        ):
            ProtocolRunner(incremental, resume=True).run('step_0')
        config.write_bytes(content)


@pytest.fixture
def ranked(novel, monkeypatch):
    """EUMS up to the ranking of the images."""
    monkeypatch.setattr(entropy_ranking_job, 'CHUNK', 8)
    for stage in ('base', 'clustering', 'basic', 'ranking'):
        ProtocolRunner(novel).run(stage)
    return novel


def test_results_of_jobs(ranked, damaged):
    work = Path(ranked.work_dir)
    for pattern in ('clustering/regions/*.npz', 'ranking/scores/*.npz'):
        path = sorted(work.glob(pattern))[0]
        job = path.parts[len(work.parts)]
        finished = work / job / 'finished.json'
        metrics = json.loads(finished.read_text())['metrics']
        for damage in (*DAMAGES, flipped):
            with np.load(path) as arrays:
                before = dict(arrays)
            damaged(path, damage)
            finished.unlink()
            warned = pytest.warns(UserWarning, match=rf'{path} is damaged .*made again')
            with warned:
                ProtocolRunner(ranked, resume=True).run(job)
            with np.load(path) as arrays:
                assert all(np.array_equal(arrays[k], v) for k, v in before.items())
            assert json.loads(finished.read_text())['metrics'] == metrics


def test_settings_and_lists_of_jobs(ranked, damaged):
    """Also lists that were cut at the end of a line, which read well."""
    work = Path(ranked.work_dir)
    note = work / 'clustering/regions/settings.json'
    (work / 'clustering/finished.json').unlink()
    for damage in DAMAGES:
        content = damaged(note, damage)
        with pytest.raises(
            ValueError, match=rf'{note} is damaged .*: delete {note.parent}'
        ):
            ProtocolRunner(ranked, resume=True).run('clustering')
        note.write_bytes(content)
    ProtocolRunner(ranked, resume=True).run('clustering')
    names = (work / 'ranking/clean.txt').read_text().split()
    labels = [work / f'clustering/labels/{name}.png' for name in names]
    for damage in (empty, random_bytes):
        contents = [damaged(path, damage) for path in labels]
        message = f'{work}/.*clustering/labels/.+png'
        with pytest.raises((ValueError, OSError), match=message):
            ProtocolRunner(ranked, resume=True).run('eums')
        for path, content in zip(labels, contents, strict=True):
            path.write_bytes(content)
    for name, reader in (
        ('clustering/images.txt', 'ranking'),
        ('ranking/clean.txt', 'eums'),
        ('ranking/unclean.txt', 'eums'),
    ):
        path, reads_it = work / name, work / reader / 'finished.json'
        reads_it.unlink(missing_ok=True)
        marker = path.with_name('finished.json')
        message = rf'{path} is damaged \(.+\): delete {marker}, and --resume makes it'
        content = path.read_bytes()
        for damage in (*DAMAGES, without_last_line):
            path.write_bytes(damage(content))
            with pytest.raises(ValueError, match=message):
                ProtocolRunner(ranked, resume=True).run(reader)
        marker.unlink()
        ProtocolRunner(ranked, resume=True).run(path.parent.name)
        assert path.read_bytes() == content
        if reader == 'ranking':
            ProtocolRunner(ranked, resume=True).run(reader)


@pytest.mark.parametrize(
    'kind', ['tiny', 'incremental', 'semi', 'novel', 'strict', 'iddc']
)
def test_images_and_masks(kind, request, damaged, boxes_root, tmp_path):
    cfg = request.getfixturevalue(kind)
    if kind == 'strict':  # otherwise the protocol does that
        cfg.train_dataloader.dataset.split = cfg.protocol.split
    root = tmp_path / 'boxes'
    shutil.copytree(boxes_root, root)
    text = cfg.pretty_text.replace(str(boxes_root), str(root))
    dataset = DATASETS.build(Config.fromstring(text, '.py').train_dataloader.dataset)
    for damage in DAMAGES:
        paths = [dataset.get_data_info(0)[k] for k in ('img_path', 'seg_map_path')]
        for path in paths:
            content = damaged(Path(path), damage)
            with pytest.raises(ValueError, match=rf'{path} is damaged .*: replace it'):
                dataset[0]
            Path(path).write_bytes(content)
        assert len(dataset[0]['inputs']) == 3
    for path in paths:
        content = Path(path).read_bytes()
        Path(path).unlink()
        with pytest.raises(FileNotFoundError, match=path):
            dataset[0]
        Path(path).write_bytes(content)


def test_labels_as_files(tmp_path, damaged):
    folder = ResultFolder(tmp_path / 'labels', dict(a=1))
    path = folder.path('x')
    for damage in (*DAMAGES, flipped):
        Image.fromarray(np.eye(40, dtype=np.uint8)).save(path)
        assert 'x' in folder
        damaged(path, damage)
        with pytest.warns(UserWarning, match=f'{path} is damaged'):
            assert 'x' not in folder


def test_labels_that_break_in_mid_job(strict, damaged, monkeypatch):
    """Between their writing and the counting of the share that has a label."""
    strict.protocol.update(mode='offline', rounds=1)
    ProtocolRunner(strict).run('spnet')
    label = Path(strict.work_dir) / 'labels_1/labels/train_003.png'
    share = pseudo_label_job.in_first_process

    def break_first(work):
        damaged(label, truncated)
        return share(work)

    monkeypatch.setattr(pseudo_label_job, 'in_first_process', break_first)
    message = rf'{label} is damaged .*: delete it, and --resume makes it again'
    with pytest.raises(ValueError, match=message):
        ProtocolRunner(strict).run('labels_1')
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=f'{label} is damaged'):
        ProtocolRunner(strict, resume=True).run('labels_1')
    Image.open(label).load()


def test_panels_of_labels_that_break_in_mid_job(novel, damaged, monkeypatch):
    novel.protocol.clustering.panels = 30
    ProtocolRunner(novel).run('base')
    label = Path(novel.work_dir) / 'clustering/labels'
    lists = novel_clustering_job.write_lists

    def break_first(folder, names, decisions):
        lists(folder, names, decisions)
        damaged(label / f'{(folder / "images.txt").read_text().split()[0]}.png', empty)

    monkeypatch.setattr(novel_clustering_job, 'write_lists', break_first)
    message = rf'{label}/.*\.png is damaged .*: delete it, and --resume makes it again'
    with pytest.raises(ValueError, match=message):
        ProtocolRunner(novel).run('clustering')
    monkeypatch.undo()
    ProtocolRunner(novel, resume=True).run('clustering')


def test_images_of_more_bits(tiny, boxes_root, tmp_path):
    """Whole files, which MMCV does not read as colors; Pillow knows the gray one."""
    cfg = tiny.train_dataloader.dataset
    cfg.data_root = str(tmp_path / 'boxes')
    shutil.copytree(boxes_root, cfg.data_root)
    pixels = np.linspace(0, 255, 32 * 32 * 3, dtype=np.float32).reshape(32, 32, 3)
    for image in (pixels, pixels[..., 0]):
        path = tmp_path / 'boxes/JPEGImages/train_000.jpg'
        cv2.imwrite(f'{path}.tif', image)
        Path(f'{path}.tif').rename(path)
        message = f'{path} holds float32 values, .*: convert it, or '
        with pytest.raises(ValueError, match=message):
            DATASETS.build(cfg)[0]
        with pytest.raises(ValueError, match=message):
            Images(DATASETS.build(cfg)).photo(0)
        with pytest.raises(ValueError, match=message):
            load_image(LoadImageFromFile(), path)
        unchanged = LoadImageFromFile(color_type='unchanged')
        assert load_image(unchanged, path)['img'].dtype == np.float32
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=f'{path} is damaged .*: replace it'):
            load_image(unchanged, path)


@damages
def test_images_of_a_saliency_job(damage, tiny, damaged, boxes_root, tmp_path):
    root = tmp_path / 'boxes'
    shutil.copytree(boxes_root, root)
    dataset = dict(tiny.train_dataloader.dataset, data_root=str(root), indices=2)
    source = dict(type='RobustBackgroundSaliency', num_superpixels=40)
    job = SaliencyJob(dataset, source)
    image = root / 'JPEGImages/train_001.jpg'
    content = damaged(image, damage)
    with pytest.raises(ValueError, match=rf'{image} is damaged .*: replace it'):
        job.run(tiny)
    image.write_bytes(content)
    assert job.run(tiny) == dict(images=2)


def test_demo_data_of_which_files_are_gone(tmp_path):
    root = tmp_path / 'demo'
    settings = dict(type='DemoVOCDataset', data_root=str(root))
    settings |= dict(num_train=20, num_val=20)
    DATASETS.build(settings)
    for name in (
        'JPEGImages/demo_val_00003.jpg',
        'SegmentationClass/demo_train_00019.png',
    ):
        content = (root / name).read_bytes()
        (root / name).unlink()
        message = rf'{root} lacks 1 of its files, first {name}; delete the folder'
        with pytest.raises(ValueError, match=message):
            DATASETS.build(settings)
        (root / name).write_bytes(content)
    assert len(DATASETS.build(settings)) == 20
