import importlib.util
from pathlib import Path

import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from PIL import Image

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    'make_partition', ROOT / 'tools' / 'make_partition.py'
)
make_partition = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_partition)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """40 images in two folders; class 2 is in three of them."""
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    root = tmp_path / 'data'
    for index in range(40):
        label = np.zeros((4, 4), np.uint8)
        label[0] = 2 if index in (5, 17, 31) else 1
        for folder, array, end in (
            ('img', np.zeros((4, 4, 3), np.uint8), '_leftImg.png'),
            ('ann', label, '_labels.png'),
        ):
            path = root / folder / f'city{index % 2}' / f'{index:02d}{end}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    names = [f'city{i % 2}/{i:02d}' for i in range(40)]
    (root / 'lists').mkdir()
    (root / 'lists' / 'train.txt').write_text('\n'.join(names))
    path = tmp_path / 'config.py'
    path.write_text(f"""
inner = dict(
    type='BaseSegDataset', data_root={str(root)!r}, ann_file='lists/train.txt',
    metainfo=dict(classes=('a', 'b', 'c')), img_suffix='_leftImg.png',
    seg_map_suffix='_labels.png',
    data_prefix=dict(img_path='img', seg_map_path='ann'))
train_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[
    dict(type='SourceDataset', source='labeled', dataset=inner),
    dict(type='SourceDataset', source='unlabeled', dataset=inner, labeled=False)]))
""")
    return str(path), root, names


def read(root, ann_file):
    dataset = BaseSegDataset(
        data_root=str(root),
        ann_file=ann_file,
        img_suffix='_leftImg.png',
        data_prefix=dict(img_path='img'),
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [str(Path(i['img_path']).relative_to(root / 'img'))[:8] for i in infos]


def test_lists_are_read_by_the_dataset(config, capsys):
    path, root, names = config
    make_partition.main([path, '--ratio', '1/8'])
    lines = capsys.readouterr().out.splitlines()
    folder = 'lists/train_1-8_seed0'
    assert lines == [
        f"labeled: 5 images, ann_file='{folder}/labeled.txt'",
        f"unlabeled: 35 images, ann_file='{folder}/unlabeled.txt'",
    ]
    labeled, unlabeled = (
        read(root, f'{folder}/{name}.txt') for name in ('labeled', 'unlabeled')
    )
    assert len(labeled) == 5 and len(unlabeled) == 35
    assert sorted(labeled + unlabeled) == sorted(f'{n}_'[:8] for n in names)
    assert not list((root / folder).glob('.*'))


def test_balanced_number_source_and_seed(config, tmp_path, capsys):
    path, root, _ = config
    lists = {}
    for seed in (0, 1):
        out = tmp_path / f'out{seed}'
        make_partition.main(
            [
                path,
                '--number',
                '6',
                '--balanced',
                '--seed',
                str(seed),
                '--out',
                str(out),
                '--source',
                'unlabeled',
            ]
        )
        lists[seed] = (out / 'labeled.txt').read_text().split()
        assert {'city1/05', 'city1/17', 'city1/31'} <= set(lists[seed])
        assert len(lists[seed]) == 6
    assert lists[0] != lists[1]
    with pytest.raises(ValueError, match="no source 'x' in the config; there are"):
        make_partition.main([path, '--number', '6', '--source', 'x'])


def test_whole_folder_without_list(config, tmp_path):
    path, root, names = config
    make_partition.main([path, '--ratio', '0.5', '--ann-file', ''])
    (folder,) = root.glob('train_1-2_seed0')
    assert len((folder / 'labeled.txt').read_text().split()) == 20
    both = (folder / 'labeled.txt').read_text() + (folder / 'unlabeled.txt').read_text()
    assert sorted(both.split()) == sorted(names)


def test_labels_from_a_part_of_the_images(config, tmp_path):
    path, root, names = config
    (root / 'lists' / 'few.txt').write_text('\n'.join(names[10:20]))
    out = tmp_path / 'out'
    make_partition.main(
        [path, '--number', '4', '--labeled-from', 'lists/few.txt', '--out', str(out)]
    )
    labeled, unlabeled = (
        (out / f'{name}.txt').read_text().split() for name in ('labeled', 'unlabeled')
    )
    assert len(labeled) == 4 and set(labeled) < set(names[10:20])
    assert sorted(labeled + unlabeled) == sorted(names)


def test_images_with_a_mask_are_labeled(config, capsys):
    path, root, names = config
    for name in names[::4]:
        (root / 'ann' / f'{name}_labels.png').unlink()
    make_partition.main([path, '--with-mask', '--source', 'unlabeled'])
    folder = 'lists/train_with-mask'
    assert f"unlabeled: 10 images, ann_file='{folder}/unlabeled.txt'" in (
        capsys.readouterr().out
    )
    assert read(root, f'{folder}/unlabeled.txt') == [f'{n}_'[:8] for n in names[::4]]


FORMATS = {
    'names': '{0}\n',
    'ends of windows': '{0}\r\n',
    'image and mask': 'img/{0}_leftImg.png ann/{0}_labels.png\n',
    'paths': '/img/{0}_leftImg.png\n',
    'tabs': '{0}_leftImg.png\tann/{0}_labels.png\n',
    'mark and blank lines': '{0}\n\n',
}


@pytest.mark.parametrize('kind', FORMATS)
def test_lists_of_authors(config, tmp_path, kind):
    path, root, names = config
    file = tmp_path / 'labeled.txt'
    text = ''.join(FORMATS[kind].format(name) for name in names[:3])
    file.write_text(text, encoding='utf-8-sig' if 'mark' in kind else 'utf-8')
    make_partition.main([path, '--lists', str(file), '--out', str(tmp_path / 'out')])
    lists = [
        (tmp_path / f'out/{n}.txt').read_text().split()
        for n in ('labeled', 'unlabeled')
    ]
    assert lists == [names[:3], names[3:]]


def test_two_lists_and_indices(config, tmp_path):
    path, root, names = config
    np.save(tmp_path / 'labeled.npy', np.array([4, 2]))
    (tmp_path / 'unlabeled.txt').write_text('\n'.join(names[10:]))
    files = [str(tmp_path / name) for name in ('labeled.npy', 'unlabeled.txt')]
    make_partition.main([path, '--lists', *files, '--out', str(tmp_path / 'out')])
    assert (tmp_path / 'out/labeled.txt').read_text().split() == [names[2], names[4]]
    assert (tmp_path / 'out/unlabeled.txt').read_text().split() == names[10:]
    with pytest.raises(ValueError, match='40 images are in both of'):
        all_of_them = str(root / 'lists/train.txt')
        make_partition.main([path, '--lists', all_of_them, all_of_them])
    (tmp_path / 'gone.txt').write_text('city0/99\n')
    with pytest.raises(FileNotFoundError, match="line 1: 'city0/99' names no image"):
        make_partition.main([path, '--lists', str(tmp_path / 'gone.txt')])


@pytest.mark.parametrize('kind', [['--with-mask'], ['--lists', 'labeled.txt']])
@pytest.mark.parametrize('of_draw', [['--labeled-from', 'train.txt'], ['--balanced']])
def test_what_a_draw_alone_follows_is_refused(kind, of_draw, capsys):
    with pytest.raises(SystemExit):
        make_partition.main(['config.py', *kind, *of_draw])
    assert 'are for --ratio or --number' in capsys.readouterr().err


def test_no_empty_list_is_written(config, tmp_path):
    path, root, _ = config
    out = tmp_path / 'out'
    for words in (['--with-mask'], ['--lists', str(root / 'lists/train.txt')]):
        with pytest.raises(ValueError, match='no image would be unlabeled, of 40 in'):
            make_partition.main([path, *words, '--out', str(out)])
    assert not out.exists()
