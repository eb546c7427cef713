import pytest

from mmseg_labelfree.utils.image_files import image_files


def test_any_depth_and_ending(tmp_path):
    for name in (
        'b.JPG',
        'a/2.png',
        'a/10.tiff',
        'a/notes.txt',
        '.cache/x.png',
        '.y.png',
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert image_files(tmp_path) == ['a/10.tiff', 'a/2.png', 'b.JPG']


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone is no folder of images'):
        image_files(tmp_path / 'gone')


def test_links_to_folders(tmp_path):
    for name in ('disk/monday/1.png', 'images/tuesday/2.png'):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    images = tmp_path / 'images'
    (images / 'monday').symlink_to(tmp_path / 'disk' / 'monday')
    (images / 'tuesday' / 'all').symlink_to(images)  # a loop
    (images / 'gone').symlink_to(tmp_path / 'gone')
    assert image_files(images) == ['monday/1.png', 'tuesday/2.png']
