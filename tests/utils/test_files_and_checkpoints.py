from pathlib import Path

import pytest
import torch

from mmseg_labelfree.utils.checkpoint import load_weights, resolve_checkpoint
from mmseg_labelfree.utils.files import atomic_path, write_text


def test_write_text_replaces_whole_files(tmp_path):
    path = tmp_path / 'a.txt'
    write_text(path, 'one')
    write_text(path, 'two')
    assert path.read_text() == 'two'
    assert list(tmp_path.iterdir()) == [path]
    assert atomic_path(path).parent == tmp_path
    assert atomic_path(path).name.startswith('.a.txt.')


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


def test_bare_state_dict(tmp_path):
    path = tmp_path / 'bare.pth'
    torch.save(dict(w=torch.ones(1)), path)
    weights, meta, _ = load_weights(path)
    assert list(weights) == ['w'] and meta == {}


def test_missing_or_broken_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere: train the earlier stage'):
        resolve_checkpoint(tmp_path / 'nowhere')
    (tmp_path / 'x.pth').write_bytes(b'PK\x03\x04 cut off')
    with pytest.raises(ValueError, match='x.pth is not a readable checkpoint'):
        load_weights(tmp_path / 'x.pth')


def test_paths_of_strings_work(tmp_path):
    write_text(str(tmp_path / 'b.txt'), 'x')
    assert Path(tmp_path / 'b.txt').read_text() == 'x'
