import importlib.metadata
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from mmseg_labelfree.utils import config_compat, mend_package_map

UNTOUCHED = {'mmseg': 'mmsegmentation', 'mmpretrain': 'mmpretrain', 'mmdet': 'mmdet'}


@pytest.fixture
def package_map(monkeypatch):
    """The map of mmengine as it is before anything mends it."""
    for module, name in UNTOUCHED.items():
        monkeypatch.setitem(MODULE2PACKAGE, module, name)
    return MODULE2PACKAGE


def install(monkeypatch, *names):
    """Make exactly the named distributions appear installed."""

    def distribution(name):
        if name not in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return importlib.metadata.Distribution

    monkeypatch.setattr(config_compat, 'distribution', distribution)


@pytest.mark.parametrize(
    ('base', 'model_type'),
    [
        ('mmseg::_base_/models/deeplabv3_r50-d8.py', 'EncoderDecoder'),
        ('mmpretrain::_base_/models/resnet50.py', 'ImageClassifier'),
    ],
)
def test_external_base_config_is_read(tmp_path, package_map, base, model_type):
    path = tmp_path / 'config.py'
    path.write_text(f'_base_ = {base!r}\n')
    mend_package_map()
    config = Config.fromfile(path)
    assert config.model.type == model_type
    assert config.model._scope_ == base.partition('::')[0]


def test_installed_modules_map_to_what_provides_them(package_map):
    mend_package_map()
    provided = importlib.metadata.packages_distributions()
    assert package_map['mmseg'] in provided['mmseg']
    assert package_map['mmpretrain'] in provided['mmpretrain']
    package = importlib.metadata.distribution(package_map['mmseg'])
    import mmseg

    assert Path(package.locate_file('mmseg')) == Path(mmseg.__file__).parent


def test_mending_twice_changes_nothing_more(package_map):
    mend_package_map()
    once = dict(package_map)
    mend_package_map()
    assert package_map == once


@pytest.mark.parametrize(
    ('installed', 'expected'),
    [
        ((), {}),
        (('mmsegmentation', 'mmpretrain', 'mmdet'), {}),
        (('mmsegmentation', 'onedl-mmsegmentation'), {}),
        (
            ('onedl-mmsegmentation', 'mmpretrain'),
            {'mmseg': 'onedl-mmsegmentation'},
        ),
        (
            ('onedl-mmsegmentation', 'onedl-mmpretrain', 'onedl-mmdetection'),
            {
                'mmseg': 'onedl-mmsegmentation',
                'mmpretrain': 'onedl-mmpretrain',
                'mmdet': 'onedl-mmdetection',
            },
        ),
    ],
)
def test_originals_are_left_alone(monkeypatch, package_map, installed, expected):
    before = dict(package_map)
    install(monkeypatch, *installed)
    mend_package_map()
    assert package_map == {**before, **expected}
