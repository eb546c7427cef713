import functools
import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from mmengine.utils import digit_version
from torch.utils.data import Dataset

from mmseg_labelfree.utils import allow_checkpoint_classes
from mmseg_labelfree.utils.safe_loading import load_from_local


class Numbers(Dataset):
    metainfo = dict(
        classes=('a', 'b'),
        palette=np.array([[0, 0, 0], [255, 128, 0]], dtype=np.uint8),
        settings=ConfigDict(label_map={1: 255}, nested=dict(size=(4, 4))),
    )

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.full((2,), float(index)))


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        outputs = self.layer(torch.stack(inputs))
        return dict(loss=outputs.square().mean()) if mode == 'loss' else [outputs]


class Rounded(BaseMetric):
    """Returns numpy scalars, as mmseg's IoUMetric does."""

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return dict(mIoU=np.round(np.float64(33.333), 2), aAcc=np.float32(50))


def loader():
    sampler = dict(type='DefaultSampler', shuffle=False)
    return dict(dataset=Numbers(), batch_size=2, sampler=sampler)


def make_runner(work_dir, name, **kwargs):
    return Runner(
        Line(),
        str(work_dir),
        train_dataloader=loader(),
        val_dataloader=loader(),
        val_evaluator=[Rounded()],
        train_cfg=dict(by_epoch=False, max_iters=2, val_interval=1),
        val_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=[
            dict(type='PolyLR', by_epoch=False, end=2),
            dict(type='MultiStepLR', by_epoch=False, milestones=[1]),
        ],
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', by_epoch=False, interval=1, save_best='mIoU'
            )
        ),
        randomness=dict(seed=0),
        experiment_name=name,
        **kwargs,
    )


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoints')
    make_runner(folder, 'checkpoint_compat').train()
    return folder


@pytest.fixture
def allowed():
    """Start from torch's own list and restore it afterwards."""
    if digit_version(torch.__version__) < digit_version('2.6.0'):
        pytest.skip('this torch has no list of allowed classes')
    saved = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    allow_checkpoint_classes()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(saved)


@pytest.fixture(params=['torch', 'package'])
def read(request):
    """Read a file with torch alone, or as the package lets mmengine do it."""
    if request.param == 'package':
        return lambda path: load_from_local(str(path))
    request.getfixturevalue('allowed')
    return functools.partial(torch.load, weights_only=True)


@pytest.mark.parametrize('name', ['iter_2.pth', 'best_mIoU_iter_1.pth'])
def test_runner_checkpoint_is_read_with_weights_only(work_dir, read, name):
    safe = read(work_dir / name)
    full = torch.load(work_dir / name, weights_only=False)
    assert safe.keys() == full.keys()
    for key, value in full['state_dict'].items():
        assert torch.equal(safe['state_dict'][key], value)
    assert safe['message_hub']['runtime_info']['best_score'] == 33.33
    meta = safe['meta']['dataset_meta']
    np.testing.assert_array_equal(meta['palette'], Numbers.metainfo['palette'])
    assert meta['settings'] == Numbers.metainfo['settings']
    assert isinstance(meta['settings'], ConfigDict)
    history = safe['message_hub']['log_scalars']['train/loss']
    expected = full['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer)
    np.testing.assert_array_equal(history.data, expected.data)
    assert history.statistics('mean') == expected.mean()


def test_without_permission_the_file_is_refused(work_dir, allowed):
    torch.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(work_dir / 'iter_2.pth', weights_only=True)


def test_permission_survives_mmengines_own_loading(work_dir, allowed):
    load_checkpoint(Line(), str(work_dir / 'iter_2.pth'), map_location='cpu')
    assert torch.load(work_dir / 'iter_2.pth', weights_only=True)['message_hub']


def test_training_resumes_from_its_checkpoint(work_dir, tmp_path):
    runner = make_runner(
        tmp_path,
        'checkpoint_compat_resume',
        load_from=str(work_dir / 'iter_1.pth'),
        resume=True,
    )
    runner.train()
    assert runner.iter == 2
    assert load_from_local(str(tmp_path / 'iter_2.pth'))['meta']['iter'] == 2


@pytest.mark.parametrize('core', ['core', '_core'])
def test_files_of_numpy_1_and_2_are_read(tmp_path, read, core):
    path, renamed = tmp_path / 'here.pth', tmp_path / 'there.pth'
    torch.save(dict(array=np.arange(3), scalar=np.float32(0.5)), path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(renamed, 'w') as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith('data.pkl'):
                # the names are newline-terminated text, so their length may change
                here = b'cnumpy._core.' if b'cnumpy._core.' in data else b'cnumpy.core.'
                assert data.count(here) == 2
                data = data.replace(here, f'cnumpy.{core}.'.encode())
            new.writestr(name, data)
    loaded = read(renamed)
    np.testing.assert_array_equal(loaded['array'], [0, 1, 2])
    assert loaded['scalar'] == np.float32(0.5)


@pytest.mark.parametrize('code', '?bBhHiIlLqQefd')
def test_arrays_of_every_plain_dtype_are_read(tmp_path, read, code):
    array = np.array([0, 1, 1], dtype=code)
    torch.save([array, array[1]], tmp_path / 'array.pth')
    loaded, scalar = read(tmp_path / 'array.pth')
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == scalar.dtype == array.dtype
    assert scalar == 1


class Reach:
    """Pickles as an access to an attribute that no checkpoint needs."""

    def __init__(self, owner, name):
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


@pytest.mark.parametrize(
    ('owner', 'name'), [(HistoryBuffer, '__init__'), (np.ndarray, 'tofile')]
)
def test_other_attributes_stay_out_of_reach(tmp_path, read, owner, name):
    torch.save(Reach(owner, name), tmp_path / 'file.pth')
    refusals = pickle.UnpicklingError, ValueError
    with pytest.raises(refusals, match=f"attribute '{name}'"):
        read(tmp_path / 'file.pth')


def test_allowing_twice_adds_nothing(allowed):
    once = set(torch.serialization.get_safe_globals())
    allow_checkpoint_classes()
    assert set(torch.serialization.get_safe_globals()) == once
