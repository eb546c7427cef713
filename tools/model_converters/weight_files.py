"""What the converters share: reading, checking and writing weight files."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmseg_labelfree.utils.files import atomic_path
from mmseg_labelfree.utils.safe_loading import load_from_local

Weights = dict[str, Tensor]
ENTRIES = ('state_dict',)


def load_source(path: str | Path, entries: Sequence[str] = ENTRIES) -> Weights:
    """Read a weight file on the CPU and unwrap it.

    Args:
        path: A file of ``torch.save`` holding tensors by name, bare or under one of
            the entries, or several such dictionaries, whose names then stand in front.
            A ``'module.'`` in front of all names is removed.
        entries: Names of the entry to take; the first that is there.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds anything but named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file')
    try:
        content = load_from_local(str(path), map_location='cpu')
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f'{path}: cannot be read as a file of tensors; save the state dict of the '
            'model (torch.save(model.state_dict(), path)) and convert that'
        ) from error
    if isinstance(content, Mapping):
        content = _flat(_entry(content, entries, path))
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f'{path}: holds no state dict but a {type(content).__name__}')
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f'{path}: {name!r} is a {type(value).__name__}, expected a tensor'
            )
    if all(name.startswith('module.') for name in content):
        content = {name.removeprefix('module.'): v for name, v in content.items()}
    return dict(content)


def _entry(content: Mapping, entries: Sequence[str], path: Path) -> object:
    """The first of the entries that is there, else all; says what is left out."""
    entry = next((name for name in entries if name in content), None)
    if entry is None:
        return content
    left = [name for name in content if name != entry]
    if left:
        print(f'{path}: {entry} is read, left out: {_listed(left)}')
    return content[entry]


def _flat(content: object) -> object:
    """Dictionaries of tensors as one, with their names in front; else unchanged."""
    if not isinstance(content, Mapping):
        return content
    if not all(isinstance(part, Mapping) for part in content.values()):
        return content
    return {f'{key}.{k}': v for key, part in content.items() for k, v in part.items()}


def part(weights: Weights, prefix: str) -> Weights:
    """The tensors whose names begin with the prefix, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _listed(names: list[str]) -> str:
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(names[:3]) + more


def fill(
    target: Mapping[str, Tensor],
    source: Mapping[str, Tensor],
    source_names: Mapping[str, str],
    may_be_left: tuple[str, ...],
    architecture: str,
) -> Weights:
    """Fill every tensor of a backbone from the source, or say what does not fit.

    Args:
        target: The backbone's ``state_dict``, for names, shapes and dtypes.
        source: The weights to convert.
        source_names: The source's name of each name in ``target``.
        may_be_left: Beginnings of source names that the backbone has no use for.
        architecture: What the source should be, for the message.

    Raises:
        ValueError: If a tensor is missing, has another shape or is left over.
    """
    missing = [name for name in source_names.values() if name not in source]
    shapes = [
        f'{theirs} is {tuple(source[theirs].shape)}, not {tuple(target[ours].shape)}'
        for ours, theirs in source_names.items()
        if theirs in source and source[theirs].shape != target[ours].shape
    ]
    used = set(source_names.values())
    left = [k for k in source if k not in used and not k.startswith(may_be_left)]
    kinds = {'missing keys': missing, 'wrong shapes': shapes, 'unknown keys': left}
    faults = [f'{kind}: {_listed(names)}' for kind, names in kinds.items() if names]
    if faults:
        raise ValueError(f'not the weights of {architecture}; ' + '; '.join(faults))
    return {
        ours: source[source_names[ours]].detach().to(tensor.dtype).clone()
        for ours, tensor in target.items()
    }


def rename(
    weights: Weights, target: Weights, names: Mapping[str, str], architecture: str
) -> Weights:
    """Give tensors of ours the authors' names, or say what does not fit.

    Args:
        weights: The state dict of ours.
        target: As for :func:`fill`.
        names: The authors' name of each name in ``target``.
        architecture: What the weights should be, for the message.

    Raises:
        ValueError: As for :func:`fill`.
    """
    weights = fill(target, weights, {name: name for name in target}, (), architecture)
    return {names[name]: value for name, value in weights.items()}


def save(path: str | Path, state_dict: Weights, meta: dict) -> None:
    """Write ``dict(state_dict=..., meta=...)`` under a temporary name, then rename."""
    write(path, dict(state_dict=state_dict, meta=meta))


def write(path: str | Path, content: Mapping) -> None:
    """Write a file of ``torch.save`` under a temporary name, then rename it."""
    with atomic_path(path) as temporary:
        torch.save(dict(content), temporary)


def run(
    args: argparse.Namespace,
    convert: Callable[[Weights], tuple[Weights, dict]],
    entries: Sequence[str] = ENTRIES,
    to_authors: Callable[[Weights], Mapping] | None = None,
) -> None:
    """Run one converter from the command line.

    Args:
        args: Of ``converter_parser``.
        convert: Maps the source's tensors to the backbone's and to the ``meta`` entry.
        entries: As for :func:`load_source`.
        to_authors: Maps tensors of ours to what a file of the authors holds, for
            ``--to-authors``.

    Raises:
        SystemExit: With one line, if the source cannot be read or does not fit.
    """
    try:
        source = load_source(args.src, ENTRIES if args.to_authors else entries)
        try:
            if args.to_authors and to_authors:
                content, written = to_authors(source), "under the authors' names"
            else:
                weights, meta = convert(source)
                meta = dict(source=Path(args.src).name, **meta)
                content = dict(state_dict=weights, meta=meta)
                written = f'of {meta["architecture"]}'
        except ValueError as error:
            raise ValueError(f'{args.src}: {error}') from error
        write(args.dst, content)
    except (ValueError, OSError) as error:
        raise SystemExit(f'{Path(sys.argv[0]).name}: {error}') from error
    print(f'{args.dst}: {_count(content)} tensors {written}')


def _count(content: Mapping) -> int:
    """Number of the tensors that a file holds."""
    return sum(
        _count(value) if isinstance(value, Mapping) else isinstance(value, Tensor)
        for value in content.values()
    )
