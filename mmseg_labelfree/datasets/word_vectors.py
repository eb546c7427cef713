"""Word vectors from the files of fastText, word2vec and GloVe."""

import mmap
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

__all__ = ['name_vectors', 'read_word_vectors', 'words_of']

_FASTTEXT_MODEL = (793712314).to_bytes(4, 'little')
_REPORT_EVERY = 1 << 24  # bytes


def words_of(name: str) -> list[str]:
    """Split a class name into words, at spaces, underscores and hyphens.

    Example:
        >>> words_of('potted plant'), words_of('wall-concrete')
        (['potted', 'plant'], ['wall', 'concrete'])
    """
    return [word for word in re.split(r'[\s_\-]+', name) if word]


def spellings(word: str) -> list[str]:
    """List the ways in which a vocabulary may write a word, the given one first."""
    return list(dict.fromkeys([word, word.lower(), word.capitalize(), word.upper()]))


def read_word_vectors(
    path: str | os.PathLike, words: Collection[str], progress: bool = True
) -> dict[str, np.ndarray]:
    """Read the vectors of some words from a file, which may be much larger than memory.

    Args:
        path: ``.vec`` or ``.txt``: one word a line and its numbers, with fastText's and
            word2vec's first line (number of words, dimension) or without (GloVe).
            ``.bin``: word2vec's binary format.
        words: The words, spelled as in the file.
        progress: Whether to show a progress bar.

    Returns:
        float32 ``(D,)`` by word, for the words that the file has. Reading stops when
        all are found.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file has another format, or a wanted line another length.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'word vectors {path} do not exist; download them from their authors '
            '(fastText .vec, GloVe .txt or word2vec .bin) and give the path'
        )
    wanted = {word.encode() for word in words}
    with open(path, 'rb') as stream:
        binary = path.suffix == '.bin'
        if binary and stream.read(4) == _FASTTEXT_MODEL:
            raise ValueError(
                f'{path} is a fastText model, not a list of vectors; use the .vec file '
                'that is published beside it'
            )
    entries = _binary(path, wanted) if binary else _text(path, wanted)
    found: dict[str, np.ndarray] = {}
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f'Reading {path.name}', total=path.stat().st_size)
        for position, word, vector in entries:
            bar.update(task, completed=position)
            if word is not None:
                found.setdefault(word.decode(), vector)
                if len(found) == len(wanted):
                    break
    return found


def _text(path: Path, wanted: set[bytes]) -> Iterator[tuple]:
    """Yield (position, word or None, vector)."""
    with open(path, 'rb') as stream:
        first = stream.readline().split()
        header = len(first) == 2 and all(part.isdigit() for part in first)
        dim = int(first[1]) if header else len(first) - 1
        if dim < 1:
            raise ValueError(
                f'{path} holds no word vectors, but begins with {str(first)[:60]}: '
                'give a file of fastText, word2vec or GloVe'
            )
        if not header:
            stream.seek(0)
        position = reported = stream.tell()
        for line in stream:
            position += len(line)
            if position - reported > _REPORT_EVERY:
                reported = position
                yield position, None, None
            if line.split(b' ', 1)[0] not in wanted:
                continue
            # GloVe has "words" with spaces in them: numbers are counted from the end.
            word, *numbers = line.rstrip().rsplit(b' ', dim)
            if len(numbers) != dim:
                raise ValueError(
                    f'{path} gives {word.decode()!r} {len(numbers)} numbers, but its '
                    f'vectors have {dim}; the file is damaged'
                )
            if word in wanted:
                yield position, word, np.array(numbers, np.float32)


def _binary(path: Path, wanted: set[bytes]) -> Iterator[tuple]:
    with (
        open(path, 'rb') as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        first = stream.readline().split()
        if len(first) != 2 or not all(part.isdigit() for part in first):
            raise ValueError(
                f"{path} is not in word2vec's binary format: its first line must be "
                'the number of words and the dimension'
            )
        count, dim = map(int, first)
        position, reported = stream.tell(), 0
        for _ in range(count):
            space = data.find(b' ', position)
            end = space + 1 + 4 * dim
            if space < 0 or end > len(data):
                raise ValueError(f'{path} ends before its {count} words; it is damaged')
            word = data[position:space].lstrip(b'\n')
            position = end
            if word in wanted:
                vector = np.frombuffer(data[space + 1 : end], '<f4')
                yield position, word, vector.astype(np.float32)
            elif position - reported > _REPORT_EVERY:
                reported = position
                yield position, None, None


def name_vectors(
    names: Sequence[str],
    vectors: Mapping[str, np.ndarray],
    aliases: Mapping[str, str] | None = None,
) -> tuple[np.ndarray, dict[str, list[str]]]:
    """Make a unit vector for each class name: the mean of its words, L2-normalized.

    Args:
        names: Class names.
        vectors: Vector of each word, as :func:`read_word_vectors` gives them. A word
            may be spelled in lower case, upper case or capitalized there.
        aliases: Another name to look up, by class name, for instance
            ``dict(tvmonitor='tv')``.

    Returns:
        float32 ``(len(names), D)``, zero for names with a word that has no vector, and
        those words by name.
    """
    size = len(next(iter(vectors.values()))) if vectors else 0
    matrix = np.zeros((len(names), size), np.float32)
    missing: dict[str, list[str]] = {}
    for row, name in zip(matrix, names, strict=True):
        words = words_of((aliases or {}).get(name, name))
        known = {w: [s for s in spellings(w) if s in vectors] for w in words}
        lacking = [w for w in words if not known[w]]
        if lacking or not words:
            missing[name] = lacking
            continue
        mean = np.mean([vectors[known[w][0]] for w in words], 0)
        row[:] = mean / np.linalg.norm(mean)
    return matrix, missing
