"""Check of a model before it trains: its parts fit each other, its weights are there.

Models are built on the meta device where that is possible, so that no memory is filled
and a pass over an image costs nothing.
"""

import copy
import os.path as osp
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import mmseg.registry as registries
import torch
from mmengine.registry import Registry
from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...models.decode_heads import MultiLevelRepresentationHead
from ...models.losses.pixel_losses import losses_of
from ...models.segmentors.discriminative_clustering import (
    DiscriminativeClusteringSegmentor,
)
from ...models.utils.head_checks import heads_of
from ...utils.choices import check_choice, check_pair
from ...utils.errors import flat_text

__all__ = ['build_model', 'check_weights', 'located']

_SIZE = (96, 96)
_UNREGISTERED = re.compile(r'(\w+) is not in the \S+ .*registry')


@contextmanager
def located(where: str) -> Iterator[None]:
    """Context whose errors say where in a run they belong: ``where: ...``.

    Raises:
        FileNotFoundError: The context raised one.
        ValueError: It raised anything else.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: {error}') from error
    except Exception as error:
        text = flat_text(error)
        raise ValueError(f'{where}: {text}{_advice(error, text)}') from error


def _advice(error: Exception, text: str) -> str:
    """What to do about an error whose message is not of this package."""
    if isinstance(error, TypeError) and 'unexpected keyword argument' in text:
        return '; correct its name, or leave it out'
    if isinstance(error, TypeError) and 'required positional argument' in text:
        return '; set it'
    if isinstance(error, TypeError) and 'takes no arguments' in text:
        return '; leave them out'
    if isinstance(error, KeyError) and 'must contain the key' in text:
        return '; set its type'
    unknown = _UNREGISTERED.match(text)
    if unknown:
        similar = get_close_matches(unknown[1], _registered(), 1)
        return f'; did you mean {similar[0]}?' if similar else '; correct its type'
    if isinstance(error, TypeError | AttributeError):
        return '; a setting has a value of another kind than it takes'
    return ''


def _registered() -> set[str]:
    """Names of all components that a config may ask for."""
    found: set[str] = set()
    for registry in vars(registries).values():
        while isinstance(registry, Registry):
            found |= {*registry.module_dict}
            registry = registry.parent
    return found


def check_weights(config: Mapping[str, Any], made: Sequence[str] = ()) -> None:
    """Raise if a file of pretrained weights is missing.

    Args:
        config: A config, or a part of one: what is in it of ``load_from``,
            ``pretrained`` and ``init_cfg``. URLs are not looked at.
        made: Folders whose files earlier stages will make.

    Raises:
        FileNotFoundError: Names the setting and the file.
    """
    for key, file in _weights(config, ''):
        if not isinstance(file, str) or file.startswith(tuple(made)):
            continue
        if '://' not in file and not osp.exists(file):
            raise FileNotFoundError(
                f'{key}: there are no weights {file}; correct the path, or get them '
                'as the README beside the config says'
            )


def _weights(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Key and file of all pretrained weights in a config."""
    if isinstance(node, Mapping):
        if node.get('type') == 'Pretrained':
            yield f'{path}checkpoint', node.get('checkpoint')
        for key in ('pretrained', 'load_from'):
            yield f'{path}{key}', node.get(key)
        for key, value in node.items():
            yield from _weights(value, f'{path}{key}.')
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _weights(value, f'{path}{index}.')


def build_model(config: Mapping[str, Any]) -> nn.Module:
    """Build a model and check that its parts fit each other.

    Args:
        config: Config of the model, with its data preprocessor.

    Returns:
        The model, in evaluation mode; on the meta device if all of its parts can be
        built there.

    Raises:
        ValueError: A head expects other features or other classes than there are.
    """
    try:
        with torch.device('meta'):
            model = MODELS.build(copy.deepcopy(config))
    except Exception:  # it reads numbers off a tensor, or is wrong
        model = MODELS.build(copy.deepcopy(config))
    if isinstance(model, EncoderDecoder):
        _check_classes(model)
        _check_class_weights(model)
        _check_test_cfg(model.test_cfg)
        _check_shapes(model.eval())
    return model


def _check_classes(model: EncoderDecoder) -> None:
    """Check that what learns the same labels, or keeps them, has as many classes."""
    counts = {
        f'{name}.num_classes': head.num_classes
        for name, head in heads_of(model).items()
        if type(head).__name__ in ('FCNHead', type(model.decode_head).__name__)
    }
    if isinstance(model, DiscriminativeClusteringSegmentor):
        counts.clear()  # the probe learns classes, the head clusters
    for key, count in counts.items():
        if count != model.num_classes:
            raise ValueError(
                f'{key} is {count}, but decode_head.num_classes is '
                f'{model.num_classes}: they see the same labels; give both one number'
            )


def _check_class_weights(model: EncoderDecoder) -> None:
    """Check that losses which weigh classes have a weight for each."""
    heads: dict[str, Any] = heads_of(model)
    for name, head in heads.items():
        for loss in losses_of(head) if hasattr(head, 'loss_decode') else ():
            weights = getattr(loss, 'class_weight', None)
            if weights is not None and len(weights) != head.out_channels > 1:
                raise ValueError(
                    f'{name}.loss_decode.class_weight has {len(weights)} numbers, but '
                    f'there are {head.out_channels} classes: give each class one'
                )


def _check_test_cfg(settings: Mapping[str, Any]) -> None:
    """Check how images are predicted, which the first validation asks."""
    mode = settings.get('mode', 'whole')
    check_choice('test_cfg.mode', mode, ('whole', 'slide'))
    for key in ('crop_size', 'stride') if mode == 'slide' else ():
        check_pair(f'test_cfg.{key}', settings.get(key))


@torch.no_grad()
def _check_shapes(model: EncoderDecoder) -> None:
    """Run an empty image through backbone and heads."""
    device = next(model.parameters()).device
    size = getattr(model.data_preprocessor, 'size', None) or _SIZE
    check_pair('data_preprocessor.size', size)
    if device.type != 'meta':
        size = _SIZE
    try:
        maps = model.extract_feat(torch.zeros(1, 3, *size, device=device))
    except (RuntimeError, NotImplementedError, ValueError, AssertionError):
        return  # an operation that needs numbers, or images of another size
    for name, head in heads_of(model).items():
        _check_head(name, getattr(head, 'head', head), maps)
    embedder = getattr(model, 'representation_head', None)
    if embedder is not None:
        _check_embedder(model, embedder, maps)


def _check_head(name: str, head: nn.Module, maps: Sequence[Tensor]) -> None:
    """Check the channels that a decode head expects of the backbone's maps."""
    if not isinstance(head, BaseDecodeHead) or isinstance(maps, Tensor):
        return
    several = isinstance(head.in_index, list | tuple)
    indices = head.in_index if several else [head.in_index]
    _check_levels(
        name, head.in_channels, indices, maps, head.input_transform == 'resize_concat'
    )


def _check_levels(
    name: str,
    expected: int | Sequence[int],
    indices: Sequence[int],
    maps: Sequence[Tensor],
    concatenated: bool = False,
) -> None:
    """Check the channels that a head expects of the backbone's maps of some indices."""
    found = [maps[i].shape[1] for i in indices if -len(maps) <= i < len(maps)]
    shown = list(indices) if len(indices) > 1 else indices[0]
    if len(found) < len(indices):
        raise ValueError(
            f'{name}.in_index={shown}, but the backbone gives {len(maps)} '
            'maps: correct it, or out_indices of the backbone'
        )
    if concatenated:
        found = [sum(found)]
    if list(expected if isinstance(expected, list | tuple) else [expected]) != found:
        raise ValueError(
            f'{name}.in_channels={expected}, but the backbone gives '
            f'{found[0] if len(found) == 1 else found} channels at in_index='
            f'{shown}: set in_channels to that'
        )


def _check_embedder(
    model: EncoderDecoder, embedder: Any, maps: Sequence[Tensor]
) -> None:
    """Check what a representation head sees."""
    if isinstance(embedder, MultiLevelRepresentationHead):
        levels = embedder.in_channels, embedder.in_index
        return _check_levels('representation_head', *levels, maps)
    index = getattr(model, 'embedding_index', None)
    if index is None:
        with embedder.recording(model.decode_head) as seen:
            model.decode_head(maps)
        found = seen[0].shape[1]
    else:
        found = maps[index].shape[1]
    expected = next(m for m in embedder.modules() if isinstance(m, nn.Conv2d))
    if expected.in_channels != found:
        raise ValueError(
            f'representation_head.in_channels={expected.in_channels}, but it is given '
            f'{found} channels: set it to that'
        )
