"""No file that is read may run what it holds."""

import functools
import pickle
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, load_checkpoint
from PIL import Image

from mmseg_labelfree.datasets.class_embeddings import class_embeddings
from mmseg_labelfree.datasets.class_index import class_index
from mmseg_labelfree.datasets.splits.step_images import read_image_list
from mmseg_labelfree.datasets.transforms.weak.files import read_point_array
from mmseg_labelfree.engine.jobs.novel_regions import NovelRegion
from mmseg_labelfree.utils import checkpoint
from mmseg_labelfree.utils.metafile import read_metafile
from mmseg_labelfree.utils.safe_loading import load_from_local


class Attack:
    """Pickles as a call that leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def attack(tmp_path):
    """The attack, which works where nothing guards against it, and never afterwards."""
    mark = tmp_path / 'attacked'
    pickle.loads(pickle.dumps(Attack(mark)))
    mark.unlink()
    yield Attack(mark)
    assert not mark.exists()


@pytest.fixture(params=['zip', 'legacy', 'pickle'])
def bad_checkpoint(request, attack, tmp_path):
    path = tmp_path / 'served' / 'bad.pth'
    path.parent.mkdir()
    content = dict(state_dict={'layer.weight': attack}, meta={})
    if request.param == 'pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        new = request.param == 'zip'
        torch.save(content, path, _use_new_zipfile_serialization=new)
    return path


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / 'served')
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


class Pretrained(BaseModule):
    def __init__(self, path=None):
        init_cfg = path and dict(type='Pretrained', checkpoint=str(path))
        super().__init__(init_cfg=init_cfg)
        self.layer = torch.nn.Linear(2, 1)


@pytest.mark.parametrize(
    'read',
    [
        lambda path: load_from_local(str(path)),
        checkpoint.load_checkpoint,
        checkpoint.load_weights,
        lambda path: load_checkpoint(Pretrained(), str(path)),  # load_from, --resume
        lambda path: Pretrained(path).init_weights(),
    ],
    ids=['local', 'load_checkpoint', 'load_weights', 'mmengine', 'pretrained'],
)
def test_no_checkpoint_runs_what_it_holds(bad_checkpoint, read):
    with pytest.raises(ValueError, match=rf'{bad_checkpoint} (was not loaded|is not)'):
        read(bad_checkpoint)


def test_the_message_names_what_was_asked_for_in_one_line(attack, tmp_path):
    torch.save(attack, tmp_path / 'bad.pth')
    with pytest.raises(ValueError, match=r'asks for pathlib\S*, and a checkp') as error:
        load_from_local(str(tmp_path / 'bad.pth'))
    assert '\n' not in str(error.value)


def test_no_checkpoint_of_the_web_does(bad_checkpoint, server):
    with pytest.raises(ValueError, match='bad.pth (was not loaded|is not)'):
        CheckpointLoader.load_checkpoint(f'{server}/bad.pth')


def test_weights_of_the_web_are_downloaded_once(server, tmp_path):
    (tmp_path / 'served').mkdir()
    content = dict(state_dict=Pretrained().state_dict(), meta=dict(iter=3))
    torch.save(content, tmp_path / 'served/good.pth')
    for _ in range(2):
        got = CheckpointLoader.load_checkpoint(f'{server}/good.pth')
        assert got['meta'] == dict(iter=3)
        torch.testing.assert_close(got['state_dict'], content['state_dict'])
        (tmp_path / 'served/good.pth').unlink(missing_ok=True)


@pytest.mark.parametrize('new', [True, False])
def test_plain_values_are_read(tmp_path, new):
    content = dict(
        tensors=[torch.ones(2, dtype=t) for t in (torch.bfloat16, torch.bool)],
        parameter=torch.nn.Parameter(torch.ones(2)),
        random=torch.get_rng_state(),
        array=np.arange(3.0),
        scalar=np.float32(0.5),
        rest=[{1, 2}, torch.uint8, torch.Size([1]), b'bytes', 1j, None, 'text'],
        device=torch.device('cpu'),
    )
    path = tmp_path / 'good.pth'
    torch.save(content, path, _use_new_zipfile_serialization=new)
    got = load_from_local(str(path))
    np.testing.assert_array_equal(got.pop('array'), content.pop('array'))
    for key in ('tensors', 'random', 'parameter'):
        torch.testing.assert_close(got.pop(key), content.pop(key))
    assert got == content


@pytest.mark.parametrize('content', [b'', b'text', b'hello world', bytes(range(256))])
def test_files_that_are_no_checkpoints_are_named(tmp_path, content):
    path = tmp_path / 'broken.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'{path} is not a readable checkpoint'):
        load_from_local(str(path))


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth does not exist'):
        load_from_local(str(tmp_path / 'none.pth'))


ARRAY_READERS = {
    'image list': (lambda path: read_image_list(path, ['a']), '.npy'),
    'points': (read_point_array, '.npy'),
    'class embeddings': (lambda path: class_embeddings(str(path), ['a']), '.npz'),
    'novel region': (NovelRegion.read, '.npz'),
    'outcome of a region': (NovelRegion.read_outcome, '.npz'),
}


@pytest.mark.parametrize('kind', ARRAY_READERS)
def test_no_array_does(kind, attack, tmp_path):
    read, suffix = ARRAY_READERS[kind]
    objects = np.array([attack], dtype=object)
    if suffix == '.npy':
        np.save(tmp_path / 'bad.npy', objects, allow_pickle=True)
    else:
        names = ('names', 'vectors', *NovelRegion._fields)
        np.savez(tmp_path / 'bad.npz', **dict.fromkeys(names, objects))
    with pytest.raises(ValueError, match='allow_pickle='):
        read(tmp_path / f'bad{suffix}')


@pytest.mark.parametrize('kind', ARRAY_READERS)
def test_no_pickle_in_place_of_an_array_does(kind, attack, tmp_path):
    read, suffix = ARRAY_READERS[kind]
    path = tmp_path / f'bad{suffix}'
    path.write_bytes(pickle.dumps(attack))
    with pytest.raises(ValueError, match='allow_pickle='):
        read(path)


def test_no_class_index_does(attack, tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    mask = tmp_path / 'mask.png'
    Image.fromarray(np.full((2, 2), 7, np.uint8)).save(mask)
    expected = class_index([str(mask)])
    (cached,) = (tmp_path / 'cache').rglob('*.npz')
    objects = np.array([attack], dtype=object)
    content = dict.fromkeys(('fingerprint', 'mask', 'value', 'count'), objects)
    np.savez(cached, **content)
    with pytest.warns(UserWarning, match='is broken; counting again'):
        np.testing.assert_array_equal(class_index([str(mask)]), expected)


def test_no_metafile_does(tmp_path):
    mark = tmp_path / 'attacked'
    file = tmp_path / 'metafile.yaml'
    file.write_text(f'Models: !!python/object/apply:os.mkdir ["{mark}"]\n')
    with pytest.raises(ValueError, match='metafile.yaml'):
        read_metafile(file)
    assert not mark.exists()
