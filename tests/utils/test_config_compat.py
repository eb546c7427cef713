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


FOLDERS = {
    'blanks': '/big disk/my data',
    'an apostrophe': "/home/Miller's data",
    'quotation marks': '/a"b/"""c',
    'braces': '/x{y}/{{z}}',
    'backslashes': r'D:\new\users\x1\U0001',
    'a network drive': r'\\server\share',
    'letters of all kinds': '/Größe/数据/🙂',
    'signs': '/100%/#1/$HOME/a&b;c',
    'a group of an expression': r'/a\1\g<0>b',
}


@pytest.mark.parametrize('folder', FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize('quote', ["'", '"'])
def test_a_data_folder_may_have_any_name(tmp_path, monkeypatch, folder, quote):
    monkeypatch.setenv('LABELFREE_DATA', folder)
    base, leaf = tmp_path / 'base.py', tmp_path / 'leaf.py'
    text = f'{quote}{{{{$LABELFREE_DATA:data}}}}/voc{quote}'
    base.write_text(f'root = {text}\n')
    leaf.write_text(f"_base_ = 'base.py'\nparts = [dict(root={text}), _base_.root]\n")
    cfg = Config.fromfile(leaf)
    assert cfg.root == f'{folder}/voc'
    assert cfg.parts[0].root == cfg.parts[1] == cfg.root
    cfg.dump(tmp_path / 'written.py')
    assert Config.fromfile(tmp_path / 'written.py').root == cfg.root


@pytest.mark.parametrize('value', [None, ''])
def test_without_a_data_folder_the_default_holds(tmp_path, monkeypatch, value):
    monkeypatch.delenv('LABELFREE_DATA', raising=False)
    if value is not None:
        monkeypatch.setenv('LABELFREE_DATA', value)
    path = tmp_path / 'config.py'
    path.write_text("root = '{{$LABELFREE_DATA:data}}/voc'\n")
    assert Config.fromfile(path).root == 'data/voc'


def test_home_folder_and_other_variables(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    monkeypatch.setenv('LABELFREE_DATA', '~/data')
    monkeypatch.setenv('OTHER', '[1, "a"]')  # source code, as mmengine has it
    path = tmp_path / 'config.py'
    path.write_text(
        "root = '{{$LABELFREE_DATA:data}}/voc'\nvalues = {{'$OTHER:None'}}\n"
        "here = '{{ fileBasenameNoExtension }}'\n"
    )
    cfg = Config.fromfile(path)
    assert (cfg.root, cfg.here) == ('/home/me/data/voc', 'config')
    assert cfg['values'] == [1, 'a']
