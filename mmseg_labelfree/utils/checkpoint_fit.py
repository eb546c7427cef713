"""Whether a checkpoint is one of a model, and of its classes."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from .checkpoint import plain_weights
from .cluster_names import data_meta

__all__ = ['check_fit']

#: Modules that no prediction needs.
_TRAINING_ONLY = ('auxiliary_head', 'representation_head')


def check_fit(
    model: nn.Module,
    classes: Sequence[str] | None,
    checkpoint: Mapping[str, Any],
    filename: str,
) -> None:
    """Raise unless a checkpoint holds this model's weights for these classes.

    A checkpoint may have modules that the model has none of, such as heads that only
    train, and may lack those of the model that no prediction needs.

    Args:
        model: The segmentor.
        classes: Names of the classes that are predicted, in order.
        checkpoint: What the file holds.
        filename: The file, for the message.

    Raises:
        ValueError: It does not fit; one line with all reasons.

    Example:
        >>> from torch import nn
        >>> model = nn.ModuleDict(dict(head=nn.Linear(2, 3, bias=False)))
        >>> weights = nn.ModuleDict(dict(head=nn.Linear(2, 4, bias=False))).state_dict()
        >>> try:
        ...     check_fit(model, None, weights, 'a.pth')
        ... except ValueError as error:
        ...     print(str(error).split('. ')[0])
        a.pth does not fit the model: head.weight is 4 x 2 there and 3 x 2 here
    """
    weights = plain_weights(checkpoint, filename)
    stored = _stored_classes(checkpoint.get('meta') or {})
    reasons = [
        *_weight_differences(model.state_dict(), weights),
        *_class_differences(stored, classes),
    ]
    if reasons:
        raise ValueError(
            f'{filename} does not fit the model: {"; ".join(reasons)}. Give the '
            'config, --stage and classes that it was trained with'
        )


def _weight_differences(wanted: Mapping, found: Mapping) -> list[str]:
    shapes = [
        f'{name} is {_size(found[name])} there and {_size(wanted[name])} here'
        for name in wanted.keys() & found.keys()
        if found[name].shape != wanted[name].shape
    ]
    modules = {name.partition('.')[0] for name in wanted}
    lacking = [n for n in wanted if n not in found and _predicts(n)]
    foreign = [
        name
        for name in found
        if name not in wanted and name.partition('.')[0] in modules and _predicts(name)
    ]
    reasons = [
        _some(sorted(shapes), 'tensors of other shapes'),
        _some([f'it lacks {name}' for name in lacking], 'missing tensors'),
        _some([f'{name} is unknown here' for name in foreign], 'unknown tensors'),
    ]
    return [reason for reason in reasons if reason]


def _some(reasons: Sequence[str], what: str) -> str:
    """The first reason of a kind, and how many there are."""
    more = f' ({len(reasons)} {what})' if len(reasons) > 1 else ''
    return f'{reasons[0]}{more}' if reasons else ''


def _predicts(name: str) -> bool:
    first, _, rest = name.partition('.')
    return first not in _TRAINING_ONLY and not rest.endswith('num_batches_tracked')


def _size(tensor: Any) -> str:
    return ' x '.join(map(str, tensor.shape)) or 'a number'


def _stored_classes(meta: Mapping[str, Any]) -> list[str]:
    return list(data_meta(meta).get('classes') or meta.get('CLASSES') or [])


def _class_differences(stored: list[str], classes: Sequence[str] | None) -> list[str]:
    """Where the classes differ; clusters, ``cluster_0`` and on, have no class yet."""
    wanted = list(classes or [])
    named = [name for name in stored if not name.startswith('cluster_')]
    if len(named) < len(stored):
        wanted = wanted[: len(named)]
    if not wanted or not stored or named == wanted:
        return []
    pairs = zip([*named, None], [*wanted, None], strict=False)
    index, (a, b) = next((i, p) for i, p in enumerate(pairs) if p[0] != p[1])
    return [
        f'it was trained for {len(named)} classes and {len(wanted)} are tested: class '
        f'{index} is {a or "none"} there and {b or "none"} here'
    ]
