"""The page on own data, followed to the letter on a small folder of images."""

import csv
import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs/own_data.md').read_text(encoding='utf-8')
SHORT = {
    'semi': ['train_cfg.max_iters=2', 'train_cfg.val_interval=2'],
    'incremental': [
        f'protocol.{step}.train_cfg.{key}=2'
        for step in ('initial_step', 'next_steps')
        for key in ('max_iters', 'val_interval')
    ],
    'clustering': [
        'train_cfg.max_iters=2',
        'train_dataloader.batch_size=4',
        'protocol.settings.train_cfg.max_iters=2',
        'protocol.settings.train_dataloader.batch_size=4',
    ],
}


def draw(index):
    """An image with a disk or a square on noise, and its mask."""
    rng = np.random.default_rng(index)
    image = rng.integers(0, 90, (96, 128, 3)).astype(np.uint8)
    mask = np.zeros((96, 128), np.uint8)
    x, y = (int(v) for v in rng.integers(30, 60, 2))
    if index % 2:
        cv2.circle(image, (x, y), 20, (60, 60, 230), -1)
        cv2.circle(mask, (x, y), 20, 1, -1)
    else:
        cv2.rectangle(image, (x, y), (x + 30, y + 30), (230, 160, 40), -1)
        cv2.rectangle(mask, (x, y), (x + 30, y + 30), 2, -1)
    return image, mask


def write_own_data(root, train=24, val=6, masks=12):
    """A folder as the page describes it: nested, of several endings."""
    endings = ('.jpg', '.JPEG', '.png', '.bmp')
    for split, number, labeled in (('train', train, masks), ('val', val, val)):
        for index in range(number):
            image, mask = draw(index + 1000 * (split == 'val'))
            name = f'{split}/day{index % 3}/{index:03d}'
            file = root / 'images' / f'{name}{endings[index % 4]}'
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
            if index < labeled:
                file = root / 'masks' / f'{name}.png'
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(file)


def block(part):
    """What stands below a marker of the page."""
    marker = rf'<!-- own-data: {part} -->\n```\w+\n(.*?)```'
    return re.search(marker, PAGE, re.DOTALL)[1].replace('\\\n', '')


def commands(part):
    """The commands below a marker of the page."""
    return [shlex.split(line) for line in block(part).splitlines()]


def use_bundle(config, bundle):
    """Change the first line of a config, as the page says."""
    text = config.read_text(encoding='utf-8')
    changed = re.sub(r'/_base_/\w+\.py', f'/_base_/{bundle}.py', text, count=1)
    assert changed != text and f'{bundle}.py' in PAGE
    config.write_text(changed, encoding='utf-8')


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Folder in which the page's commands run: configs, and data of one's own."""
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    write_own_data(tmp_path / 'data/own')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('LABELFREE_DATA', raising=False)
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize('part', SHORT)
def test_the_commands_of_the_page(part, checkout, run_tool):
    if part == 'clustering':
        shutil.rmtree(checkout / 'data/own/masks')
    for python, tool, *arguments in commands(part):
        assert python == 'python' and tool.startswith('tools/')
        if tool == 'tools/train.py':
            arguments += ['--cfg-options', *SHORT[part]]
        done = run_tool(tool.removeprefix('tools/'), *arguments)
        assert done.returncode == 0, done.stdout
    out = checkout / arguments[-1]
    assert len(list((out / 'masks').rglob('*.png'))) == 6
    assert len(list((out / 'overlays').rglob('*.jpg'))) == 6
    classes = {row['class'] for row in csv.DictReader((out / 'areas.csv').open())}
    if part == 'clustering':
        assert (
            checkout / 'work_dirs/clustering/training/clusters_of_images.png'
        ).is_file()
        assert all(name.startswith('cluster_') for name in classes)
    else:
        assert classes <= {'background', 'disk', 'square'}


@pytest.mark.slow
def test_the_networks_of_real_use(checkout, run_tool):
    write_own_data(checkout / 'data/own', train=80, masks=40)
    folder = checkout / 'configs/own_data'
    use_bundle(folder / 'semi_supervised.py', 'u2pl_voc')
    use_bundle(folder / 'class_incremental.py', 'mib_voc')
    clustering = folder / 'clustering.py'
    use_bundle(clustering, 'iddc_cocostuff27')
    lines, _ = clustering.read_text(encoding='utf-8').split('head =')
    clustering.write_text(lines + block('dino'), encoding='utf-8')
    weights = checkout / 'data/weights/dino_vits8.pth'
    weights.parent.mkdir()
    weights.touch()
    for _, _, *arguments in [*commands('resnet'), ['', '', str(clustering)]]:
        done = run_tool('train.py', *arguments, '--dry-run')
        assert done.returncode == 0, done.stdout


def test_every_config_of_the_page_is_short():
    configs = sorted((ROOT / 'configs/own_data').glob('*.py'))
    assert len(configs) == 3
    for config in configs:
        assert config.name in PAGE
        assert len(config.read_text().splitlines()) < 25
