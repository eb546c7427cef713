"""Private names of the frameworks, and loaders without worker processes."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpretrain.models.backbones.vision_transformer import VisionTransformer
from mmseg.apis import MMSegInferencer
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.models.decode_heads import FCNHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

import mmseg_labelfree
from mmseg_labelfree.utils.framework_compat import mend_loaders

PACKAGE = Path(mmseg_labelfree.__file__).parent
OVERRIDDEN = {
    '_load_from_state_dict': nn.Module,
    '_load_seg_map': LoadAnnotations,
    '_save_best_checkpoint': CheckpointHook,
    '_save_checkpoint_with_step': CheckpointHook,
    '_save_to_state_dict': nn.Module,
}
CALLED = {
    '_format_output': VisionTransformer,
    '_forward_feature': FCNHead,
    '_transform_inputs': BaseDecodeHead,
}
REPLACED = {'_init_pipeline': MMSegInferencer, '_substitute_env_variables': Config}
GUARDED = {  # a version of the frameworks, or none, may have them
    '_disable_dynamo',
    '_register_state_dict_hook',
    '_step_supports_amp_scaling',
}
PYTHON = {'_asdict', '_exit', '_fields'}


def overridden(module):
    """Private methods of a module's classes that a framework's base has, too."""
    for kind in vars(module).values():
        if not inspect.isclass(kind) or kind.__module__ != module.__name__:
            continue
        for name in vars(kind):
            if name.startswith('_') and not name.startswith(('__', '_abc_')):
                for base in kind.__mro__[1:]:
                    own = base.__module__.startswith(mmseg_labelfree.__name__)
                    if not own and name in vars(base):
                        yield name


def test_private_methods_that_are_overridden():
    """A name that a framework has changed is no longer found."""
    found = set()
    for info in pkgutil.walk_packages([str(PACKAGE)], 'mmseg_labelfree.'):
        found |= {*overridden(importlib.import_module(info.name))}
    # Python and torch write two of them into classes themselves.
    assert found - {'_is_protocol', '_backward_cls'} == {*OVERRIDDEN}


def private_names():
    """Private names in the package: those that it reads, those that it defines."""
    read, defined = set(), set()
    for node in (n for f in PACKAGE.rglob('*.py') for n in ast.walk(parsed(f))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            read.add(node.attr)
        elif isinstance(node, ast.Attribute) and node.attr not in REPLACED:
            defined.add(node.attr)
        elif isinstance(node, ast.Call) and len(node.args) > 1:  # getattr
            read.add(getattr(node.args[1], 'value', None))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name):
            defined.add(node.id)
    texts = {name for name in read if isinstance(name, str)}
    return {n for n in texts if n[:1] == '_' and n[:2] != '__'}, defined


def parsed(file):
    return ast.parse(file.read_text(encoding='utf-8'))


def test_other_private_names():
    """Those that the package reads and does not define are the frameworks'."""
    read, defined = private_names()
    assert read - defined == {*CALLED, *REPLACED, *GUARDED, *PYTHON}


def test_the_frameworks_have_them():
    for name, base in {**OVERRIDDEN, **CALLED, **REPLACED}.items():
        assert callable(getattr(base, name))


class Numbers(list):
    """A dataset."""


@pytest.mark.parametrize('num_workers', [0, 1])
def test_workers_are_one_setting(num_workers):
    mend_loaders()  # changes nothing any more
    settings = dict(
        batch_size=2,
        num_workers=num_workers,
        persistent_workers=True,
        prefetch_factor=3,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=Numbers(range(4)),
    )
    loader = Runner.build_dataloader(settings, seed=0)
    assert loader.persistent_workers is (num_workers > 0)
    assert loader.prefetch_factor == (3 if num_workers else None)
    assert len(loader) == 2
    assert settings['persistent_workers'] is True  # the config stays
