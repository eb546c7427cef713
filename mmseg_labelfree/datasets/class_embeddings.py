"""Class embeddings, the vectors that zero-label heads compare pixels with."""

import difflib
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.files import write_arrays
from .demo_voc.classes import class_attributes

__all__ = ['attribute_embeddings', 'class_embeddings', 'write_class_embeddings']


def class_embeddings(
    embeddings: str | os.PathLike | Mapping[str, Any] | np.ndarray,
    classes: Sequence[str],
) -> np.ndarray:
    """Make a matrix of class embeddings: a unit vector for each class.

    Several sources are put side by side, each class normalized in each source, then as
    a whole, as SPNet's code does with fastText and word2vec.

    Args:
        embeddings: Where the vectors come from:

            - an ``.npz`` file, as ``tools/make_class_embeddings.py`` writes it: an
              array ``names`` (strings) and, by source, arrays ``(len(names), D)``;
            - ``dict(file=..., arrays=('fasttext', 'word2vec'), aliases=dict(
              tvmonitor='tv'), dim=600)``, which chooses the sources (all of the file
              unless it says which), gives the name in the file, or the row, of classes
              that are called otherwise there, and checks the dimension. An alias counts
              where the file has not one vector under the class's own name: none, or
              several that differ;
            - 'demo_voc': the attributes of the demo's classes;
            - the matrix itself, a row for each class.
        classes: Class names. Case, spaces, hyphens and underscores do not matter.

    Returns:
        float32 ``(len(classes), D)`` with rows of norm 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, has not the arrays or the dimension asked for,
            or lacks a class.
    """
    if isinstance(embeddings, str) and embeddings == 'demo_voc':
        return _unit(attribute_embeddings(classes))
    if isinstance(embeddings, str | os.PathLike):
        embeddings = dict(file=embeddings)
    if isinstance(embeddings, Mapping):
        return _from_file(classes, **embeddings)
    matrix = np.asarray(embeddings, np.float32)
    if matrix.ndim != 2 or len(matrix) != len(classes):
        raise ValueError(
            f'the embeddings have shape {matrix.shape}; {len(classes)} classes need '
            f'({len(classes)}, D)'
        )
    _check_vectors(matrix, classes, 'the embeddings')
    return _unit(matrix)


def attribute_embeddings(classes: Sequence[str]) -> np.ndarray:
    """Make attribute vectors of the demo's classes; the background has its own.

    Args:
        classes: Names of VOC's classes, with or without 'background'.

    Returns:
        float32 ``(len(classes), 17)``: shape, texture and color family, one-hot each,
        and whether it is the background.

    Raises:
        ValueError: A class has no attributes.
    """
    names, attributes = class_attributes()
    known = dict(zip(names, np.pad(attributes, ((0, 0), (0, 1))), strict=True))
    known['background'] = np.eye(17, dtype=np.float32)[16]
    lacking = [name for name in classes if name not in known]
    if lacking:
        raise ValueError(
            f'the demo has no attributes for {lacking}; give other embeddings, or name '
            f'classes of {list(known)}'
        )
    return np.stack([known[name] for name in classes])


def write_class_embeddings(
    path: str | os.PathLike, names: Sequence[str], sources: Mapping[str, np.ndarray]
) -> None:
    """Write the file that :func:`class_embeddings` reads, through a rename.

    Args:
        path: ``.npz`` file; its folder is made if necessary.
        names: Class names.
        sources: A matrix ``(len(names), D)`` by name of the source.
    """
    arrays: dict[str, Any] = dict(names=np.array(names), **sources)
    write_arrays(path, **arrays)


def _from_file(
    classes: Sequence[str],
    file: str | os.PathLike,
    arrays: Sequence[str] | None = None,
    aliases: Mapping[str, str | int] | None = None,
    dim: int | None = None,
) -> np.ndarray:
    names, sources = _read(file, arrays)
    rows = _rows(file, names, sources, classes, aliases or {})
    parts = []
    for source, matrix in sources.items():
        chosen = matrix[rows].astype(np.float32)
        _check_vectors(chosen, classes, f'{source!r} of {file}')
        parts.append(_unit(chosen))
    result = _unit(np.concatenate(parts, 1))
    if dim is not None and result.shape[1] != dim:
        sizes = ', '.join(f'{s}: {m.shape[1]}' for s, m in sources.items())
        raise ValueError(
            f'{file} gives embeddings of {result.shape[1]} numbers ({sizes}), but '
            f'{dim} are expected: choose other arrays, or change dim'
        )
    return result


def _read(
    file: str | os.PathLike, arrays: Sequence[str] | None
) -> tuple[list[str], dict[str, np.ndarray]]:
    if not Path(file).is_file():
        raise FileNotFoundError(
            f'class embeddings {file} do not exist; make them with '
            'tools/make_class_embeddings.py, or correct decode_head.embeddings'
        )
    try:
        with np.load(file, allow_pickle=False) as data:
            content = {key: data[key] for key in data.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f'{file} is no readable .npz file: {error}') from None
    if 'names' not in content:
        raise ValueError(f'{file} has no array `names`, only {sorted(content)}')
    names = [str(name) for name in content.pop('names')]
    chosen = list(content) if arrays is None else list(arrays)
    lacking = [key for key in chosen if key not in content]
    if lacking or not chosen:
        raise ValueError(f'{file} has no array {lacking}; it has {sorted(content)}')
    for key in chosen:
        if content[key].ndim != 2 or len(content[key]) != len(names):
            raise ValueError(
                f'array {key!r} of {file} has shape {content[key].shape}, but '
                f'{len(names)} names need ({len(names)}, D)'
            )
    return names, {key: content[key] for key in chosen}


def _rows(
    file: str | os.PathLike,
    names: Sequence[str],
    sources: Mapping[str, np.ndarray],
    classes: Sequence[str],
    aliases: Mapping[str, str | int],
) -> list[int]:
    """Row of each class: that of its own name or, if need be, of its alias."""
    known = _rows_by_name(names, sources)
    rows: list[int] = []
    lacking: list[str] = []
    for name in classes:
        alias: str | int = name
        found = known.get(_plain(name), [])
        if len(found) != 1:
            alias = aliases.get(name, name)
            found = _rows_of(alias, name, known, names, file)
        if len(found) > 1:
            raise ValueError(
                f'{file} has {alias!r} in the rows {found}, with different vectors: '
                f'say in `aliases` which row is for {name!r}'
            )
        if not found:
            close = difflib.get_close_matches(_plain(str(alias)), known, n=2)
            lacking.append(f'{name} (close: {", ".join(close) or "none"})')
        rows += found
    if lacking:
        raise ValueError(
            f'{file} has no vector for {"; ".join(lacking)}: add the classes with '
            "tools/make_class_embeddings.py, or give the file's names in `aliases`"
        )
    return rows


def _rows_by_name(
    names: Sequence[str], sources: Mapping[str, np.ndarray]
) -> dict[str, list[int]]:
    """Rows of each plain name, one for each of its different vectors."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        others = rows.setdefault(_plain(name), [])
        if not any(
            all(np.array_equal(m[row], m[other]) for m in sources.values())
            for other in others
        ):
            others.append(row)
    return rows


def _rows_of(
    alias: str | int,
    name: str,
    known: Mapping[str, list[int]],
    names: Sequence[str],
    file: str | os.PathLike,
) -> list[int]:
    if isinstance(alias, str):
        return known.get(_plain(alias), [])
    if not 0 <= alias < len(names):
        raise ValueError(
            f'alias {alias} of {name!r} is no row of {file}, which has {len(names)}'
        )
    return [alias]


def _plain(name: str) -> str:
    return ''.join(c for c in name.lower() if c not in ' _-')


def _check_vectors(matrix: np.ndarray, classes: Sequence[str], where: str) -> None:
    bad = ~np.isfinite(matrix).all(1) | ~matrix.any(1)
    if bad.any():
        names = [name for name, b in zip(classes, bad, strict=True) if b]
        raise ValueError(f'{where} has no vector for {names}: it is zero or not finite')


def _unit(matrix: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(matrix.astype(np.float64), axis=1, keepdims=True)
    return (matrix / norm).astype(np.float32)
