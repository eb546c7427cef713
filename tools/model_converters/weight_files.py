"""What the converters share: reading, checking and writing weight files."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from mmseg_labelfree.utils.files import atomic_path
from mmseg_labelfree.utils.safe_loading import load_from_local

Weights = dict[str, Tensor]


def load_source(path: str | Path) -> Weights:
    """Read a weight file on the CPU and unwrap it.

    Args:
        path: A file of ``torch.save`` holding tensors by name, bare or under
            ``'state_dict'``. A ``'module.'`` in front of all names is removed.

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
    if isinstance(content, Mapping) and 'state_dict' in content:
        content = content['state_dict']
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


def save(path: str | Path, state_dict: Weights, meta: dict) -> None:
    """Write ``dict(state_dict=..., meta=...)`` under a temporary name, then rename."""
    with atomic_path(path) as temporary:
        torch.save(dict(state_dict=state_dict, meta=meta), temporary)


def run(
    description: str,
    convert: Callable[[Weights], tuple[Weights, dict]],
    argv: list[str] | None = None,
) -> None:
    """Run one converter from the command line.

    Args:
        description: First line of the help.
        convert: Maps the source's tensors to the backbone's and to the ``meta`` entry.
        argv: Arguments, those of the process if not given.

    Raises:
        SystemExit: With one line, if the source cannot be read or does not fit.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('src', help='weight file of the source (.pth)')
    parser.add_argument('dst', help='file to write; its folder is made if need be')
    args = parser.parse_args(argv)
    try:
        source = load_source(args.src)
        try:
            state_dict, meta = convert(source)
        except ValueError as error:
            raise ValueError(f'{args.src}: {error}') from error
        save(args.dst, state_dict, dict(source=Path(args.src).name, **meta))
    except (ValueError, OSError) as error:
        raise SystemExit(f'{parser.prog}: {error}') from error
    print(f'{args.dst}: {len(state_dict)} tensors of {meta["architecture"]}')
