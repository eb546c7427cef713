import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_labelfree.utils.checkpoint import (
    check_finished,
    checkpoint_identity,
    latest_checkpoint,
    load_weights,
    resolve_checkpoint,
)
from mmseg_labelfree.utils.files import (
    atomic_path,
    content_digest,
    image_name,
    write_arrays,
    write_text,
)


def test_write_text_replaces_whole_files(tmp_path):
    path = tmp_path / 'a.txt'
    write_text(path, 'one')
    write_text(path, 'two')
    assert path.read_text() == 'two'
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / 'folder' / 'a.txt'
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent and temporary.name.startswith('.a.txt.')
        temporary.write_text('one')
        assert not path.exists()
    with pytest.raises(OSError, match='full'), atomic_path(path) as temporary:
        temporary.write_text('half')
        raise OSError('the disk is full')
    assert path.read_text() == 'one'
    assert list(path.parent.iterdir()) == [path]
    write_arrays(path.with_name('b.npz'), x=[1, 2], names=np.array(['c', 'd']))
    with np.load(path.with_name('b.npz')) as arrays:
        assert arrays['x'].tolist() == [1, 2] and list(arrays['names']) == ['c', 'd']


def test_name_of_an_image():
    assert image_name('/data/images/ulm/1.tar.png', '/data/images') == 'ulm/1.tar'
    assert image_name('images/2.jpg', None) == 'images/2'


def test_identity_of_a_checkpoint_is_name_and_content(tmp_path):
    for folder, content in (('a', 'x'), ('b', 'x'), ('c', 'y')):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'iter_1.pth').write_text(content)
        (tmp_path / folder / 'last_checkpoint').write_text('iter_1.pth')
    a, b, c = (checkpoint_identity(tmp_path / folder) for folder in 'abc')
    assert a == b == checkpoint_identity(tmp_path / 'a/iter_1.pth') != c
    assert a.startswith('iter_1.pth ')
    for path in ('torchvision://resnet18', 'nowhere/iter_1.pth'):
        assert checkpoint_identity(path) == path


def test_resolve_checkpoint(tmp_path):
    path = tmp_path / 'iter_2.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(1)), meta=dict(iter=2)), path)
    assert resolve_checkpoint(path) == str(path)
    (tmp_path / 'last_checkpoint').write_text(str(path))
    assert resolve_checkpoint(tmp_path) == str(path)
    # The folder may have been moved since.
    (tmp_path / 'last_checkpoint').write_text('/gone/iter_2.pth')
    assert resolve_checkpoint(tmp_path) == str(path)
    weights, meta, name = load_weights(tmp_path)
    assert weights['w'].item() == 1 and meta == dict(iter=2) and name == str(path)
    url = 'torchvision://resnet18'
    assert resolve_checkpoint(url) == url


@pytest.mark.parametrize('pointer', [None, b'', b'iter_999.pth', b'\xff\x00\xfe'])
def test_newest_checkpoint_where_last_checkpoint_is_damaged(tmp_path, pointer):
    assert latest_checkpoint(tmp_path) is None
    for name in ('iter_9.pth', 'iter_12.pth', 'best_mIoU_iter_20.pth'):
        (tmp_path / name).touch()
    if pointer is not None:
        (tmp_path / 'last_checkpoint').write_bytes(pointer)
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_12.pth'
    assert resolve_checkpoint(tmp_path) == str(tmp_path / 'iter_12.pth')
    (tmp_path / 'last_checkpoint').write_text('/moved/iter_9.pth')
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_9.pth'


def test_bare_state_dict(tmp_path):
    path = tmp_path / 'bare.pth'
    torch.save(dict(w=torch.ones(1)), path)
    weights, meta, _ = load_weights(path)
    assert list(weights) == ['w'] and meta == {}


def test_missing_or_broken_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere: train it first'):
        resolve_checkpoint(tmp_path / 'nowhere')
    (tmp_path / 'x.pth').write_bytes(b'PK\x03\x04 cut off')
    with pytest.raises(ValueError, match='x.pth is not a readable checkpoint'):
        load_weights(tmp_path / 'x.pth')


def test_paths_of_strings_work(tmp_path):
    write_text(str(tmp_path / 'b.txt'), 'x')
    assert Path(tmp_path / 'b.txt').read_text() == 'x'


@pytest.mark.parametrize('under', ['state_dict', None])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_of_several_processes_have_their_usual_names(tmp_path, under, prefix):
    weights = {
        f'{prefix}backbone.w': torch.ones(2),
        f'{prefix}module_list': torch.ones(1),
    }
    torch.save({under: weights} if under else weights, tmp_path / 'x.pth')
    found, meta, _ = load_weights(tmp_path / 'x.pth')
    assert list(found) == ['backbone.w', 'module_list'] and meta == {}


@pytest.mark.parametrize('content', [dict(model=dict(a=torch.ones(1)), epoch=3), {}])
def test_a_file_without_weights_says_what_it_holds(tmp_path, content):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=r'x.pth holds no weights .*torch.save'):
        load_weights(tmp_path / 'x.pth')


def test_a_copy_never_takes_the_checkpoint_of_its_original(tmp_path):
    for name in ('original', 'copy'):
        (tmp_path / name).mkdir()
        torch.save(dict(a=torch.zeros(1)), tmp_path / name / 'iter_4.pth')
    original = tmp_path / 'original/iter_8.pth'
    torch.save(dict(a=torch.ones(1)), original)
    (tmp_path / 'copy/last_checkpoint').write_text(str(original))
    assert latest_checkpoint(tmp_path / 'copy') == tmp_path / 'copy/iter_4.pth'
    # A folder without any may keep its checkpoints elsewhere (out_dir of the hook).
    (tmp_path / 'copy/iter_4.pth').unlink()
    assert latest_checkpoint(tmp_path / 'copy') == original


def test_the_best_checkpoint_of_a_folder(tmp_path):
    for name in ('iter_60.pth', 'best_mIoU_base_epoch_9.pth', 'best_mIoU_epoch_12.pth'):
        (tmp_path / name).touch()
    best = resolve_checkpoint(tmp_path / 'best_*.pth')
    assert best == str(tmp_path / 'best_mIoU_epoch_12.pth')
    with pytest.raises(FileNotFoundError, match='no best checkpoint in .*nowhere'):
        resolve_checkpoint(tmp_path / 'nowhere/best_*.pth')


def test_digest_of_content(tmp_path):
    a, b = tmp_path / 'a', tmp_path / 'b'
    a.write_text('x')
    b.write_text('y')
    digests = [content_digest(*p) for p in ((a, b), (b, a), (a,), (b,), ())]
    assert len(set(digests)) == 5
    assert content_digest(a, tmp_path / 'c') == content_digest(a)


def test_a_finished_stage_stands_for_the_checkpoint_that_was_scored(tmp_path):
    best, last = 'best_mIoU_iter_20.pth', 'iter_40.pth'
    for name in (best, last, 'config.py'):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match='is not finished: end it first'):
        check_finished(tmp_path)
    assert resolve_checkpoint(tmp_path) == str(tmp_path / last)
    marker = tmp_path / 'finished.json'
    for checkpoint, expected in ((best, best), (last, last), (None, last), ('x', last)):
        marker.write_text(json.dumps(dict(checkpoint=checkpoint)))
        assert resolve_checkpoint(tmp_path) == str(tmp_path / expected)
    check_finished(tmp_path)
    marker.write_text('{')
    with pytest.raises(ValueError, match='finished.json is damaged'):
        resolve_checkpoint(tmp_path)
    for path in (tmp_path / 'nowhere', tmp_path / last):  # no folders of stages
        check_finished(path)
