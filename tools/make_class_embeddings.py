r"""Make the file of class embeddings that zero-label configs read.

    python tools/make_class_embeddings.py \
        --config configs/strict/deeplabv2_r101_voc_15-5.py \
        --vectors fasttext=crawl-300d-2M.vec word2vec=GoogleNews-300.bin \
        --alias tvmonitor=tv --out data/word_vectors/voc12.npz
    python tools/make_class_embeddings.py --names names.txt \
        --vectors glove.6B.300d.txt --out embeddings.npz
    python tools/make_class_embeddings.py --split voc_15-5 \
        --matrix clip=clip_text.npy --out data/word_vectors/voc12_clip.npz
    python tools/make_class_embeddings.py --split voc_15-5 \
        --sentences clip=models/clip-ViT-B-32 \
        --prompts 'a photo of a {}.' 'a photo of the {} in a scene.' --out clip.npz

Each source becomes an array of unit vectors; configs put them side by side. The words
of a name are averaged, and so are the prompts of a class, each as a unit vector first
(CLIP's way). Names with a word that a source lacks are listed, and nothing
is written: give them another name with --alias, or use another source.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = parser.add_mutually_exclusive_group(required=True)
    names.add_argument('--config', help='config of a SelfTrainingProtocol')
    names.add_argument('--split', help='a split such as voc_15-5, with the background')
    names.add_argument('--names', help='text file with a class name in each line')
    parser.add_argument(
        '--vectors',
        nargs='+',
        default=[],
        metavar='[SOURCE=]FILE',
        help='files of fastText, word2vec or GloVe: .vec, .txt, .bin',
    )
    parser.add_argument(
        '--sentences',
        metavar='[SOURCE=]FOLDER',
        help='model folder of the package sentence-transformers, for the whole names',
    )
    parser.add_argument(
        '--prompts',
        nargs='+',
        metavar='TEXT',
        help='what --sentences embeds, with {} for the name; by default the name',
    )
    parser.add_argument(
        '--matrix',
        metavar='[SOURCE=]FILE',
        help='.npy file (classes, D) or (classes, prompts, D) in the order of the '
        'classes, such as text embeddings of CLIP',
    )
    parser.add_argument(
        '--attributes', action='store_true', help="the demo classes' attributes"
    )
    parser.add_argument(
        '--alias',
        nargs='+',
        default=[],
        metavar='CLASS=NAME',
        help='look up another name for a class, for instance tvmonitor="tv monitor"',
    )
    parser.add_argument('--out', required=True, help='.npz file to write')
    return parser.parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
from rich.console import Console
from rich.table import Table

import mmseg_labelfree  # noqa: F401  (registers the protocols)
from mmseg_labelfree.datasets.class_embeddings import (
    attribute_embeddings,
    write_class_embeddings,
)
from mmseg_labelfree.datasets.splits.zero_label_splits import get_split
from mmseg_labelfree.datasets.word_vectors import (
    name_vectors,
    read_word_vectors,
    spellings,
    words_of,
)
from mmseg_labelfree.utils.command_line import exit_code, read_file


def class_names(args: argparse.Namespace) -> list[str]:
    """The classes to embed, with VOC's background even where it is no class."""
    if args.names:
        if not Path(args.names).is_file():
            raise FileNotFoundError(f'--names {args.names} does not exist')
        lines = Path(args.names).read_text(encoding='utf-8').splitlines()
        return [line.strip() for line in lines if line.strip()]
    split = args.split
    if args.config:
        split = read_file(args.config).get('protocol', {}).get('split')
        if split is None:
            raise ValueError(f'{args.config} has no protocol.split: give --split')
    names = get_split(split).classes()
    return ['background', *names] if 'voc' in get_split(split).name else list(names)


def named(path: str) -> tuple[str, str]:
    """Name of a source and its file, from ``SOURCE=FILE`` or ``FILE``."""
    source, _, file = path.rpartition('=')
    return source or Path(file).stem.replace('.', '_'), file


def read_matrix(file: str) -> np.ndarray:
    """The numbers of a ``.npy`` file."""
    if not Path(file).is_file():
        raise FileNotFoundError(f'--matrix {file} does not exist')
    try:
        matrix = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f'{file} is no .npy file of numbers: {error}') from None
    if not isinstance(matrix, np.ndarray) or matrix.dtype.kind not in 'fiu':
        raise ValueError(f'{file} is no array of numbers: write it with numpy.save')
    return matrix


def matrix_vectors(file: str, names: Sequence[str]) -> np.ndarray:
    """Embeddings of the classes from a ``.npy`` file, prompts averaged."""
    matrix = read_matrix(file)
    if matrix.ndim not in (2, 3) or len(matrix) != len(names) or not matrix.size:
        raise ValueError(
            f'{file} of shape {matrix.shape} is not (classes, D) or (classes, prompts, '
            f'D) of the {len(names)} classes {list(names)}'
        )
    vectors = matrix.reshape(len(names), -1, matrix.shape[-1])
    return mean_of_prompts(vectors, names, file)


def mean_of_prompts(
    vectors: np.ndarray, names: Sequence[str], source: str
) -> np.ndarray:
    """Average unit vectors (classes, prompts, D) over the prompts."""
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=-1, keepdims=True)
    bad = ~(np.isfinite(lengths) & (lengths > 0)).all((1, 2))
    if bad.any():
        classes = [name for name, b in zip(names, bad, strict=True) if b]
        raise ValueError(f'{source}: vectors of {classes} are zero or not finite')
    return (vectors / lengths).mean(1).astype(np.float32)


def sentence_vectors(
    folder: str, names: Sequence[str], prompts: Sequence[str]
) -> np.ndarray:
    """Embeddings of whole names by a local model of sentence-transformers."""
    if wrong := [prompt for prompt in prompts if '{}' not in prompt]:
        raise ValueError(f'--prompts: {wrong[0]!r} has no {{}} for the name')
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'{folder} is no folder with a sentence model')
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise ImportError(
            '--sentences needs sentence-transformers: pip install sentence-transformers'
        ) from None
    model = SentenceTransformer(folder, local_files_only=True)
    plain = [' '.join(words_of(name)) for name in names]
    texts = [prompt.replace('{}', name) for name in plain for prompt in prompts]
    vectors = model.encode(texts).reshape(len(names), len(prompts), -1)
    return mean_of_prompts(vectors, names, folder)


def parse_aliases(args: argparse.Namespace, names: Sequence[str]) -> dict[str, str]:
    """Other names of classes by their own, from ``CLASS=NAME``."""
    if wrong := [pair for pair in args.alias if '=' not in pair]:
        raise ValueError(f'--alias {wrong[0]}: write CLASS=NAME')
    aliases = dict(pair.split('=', 1) for pair in args.alias)
    if unknown := sorted(set(aliases) - set(names)):
        raise ValueError(f'--alias {unknown}: no such class; the classes are {names}')
    return aliases


def check_sources(args: argparse.Namespace) -> None:
    """Raise if there is no source, if two have one name, or prompts have none."""
    files = [*args.vectors, args.sentences, args.matrix]
    sources = ['attributes'] * args.attributes + [named(f)[0] for f in files if f]
    if not sources:
        raise ValueError(
            'there is no source: give --vectors, --sentences, --matrix or --attributes'
        )
    for source in sources:
        if sources.count(source) > 1 or source == 'names':
            raise ValueError(
                f'the name {source!r} of a source is taken: write SOURCE=FILE with '
                'another one'
            )
    if args.prompts and not args.sentences:
        raise ValueError(
            '--prompts is for --sentences: a --matrix has its prompts in it'
        )


def print_missing(missing: dict[str, dict[str, list[str]]]) -> None:
    """Print the words that word vectors lack, by source and class."""
    table = Table(title='Words without a vector')
    for heading in ('source', 'class', 'words'):
        table.add_column(heading)
    for source, classes in missing.items():
        for name, lacking in classes.items():
            table.add_row(source, name, ', '.join(lacking))
    Console(stderr=True).print(table)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the embeddings that the command line asks for."""
    args = parse_args(argv)
    names = class_names(args)
    aliases = parse_aliases(args, names)
    check_sources(args)
    looked_up = [aliases.get(name, name) for name in names]
    words = {s for name in looked_up for w in words_of(name) for s in spellings(w)}
    sources: dict[str, np.ndarray] = {}
    missing: dict[str, dict[str, list[str]]] = {}
    for path in args.vectors:
        source, file = named(path)
        vectors = read_word_vectors(file, words)
        sources[source], missing[source] = name_vectors(names, vectors, aliases)
    if args.attributes:
        sources['attributes'] = attribute_embeddings(names)
    if args.sentences:
        source, folder = named(args.sentences)
        prompts = args.prompts or ['{}']
        sources[source] = sentence_vectors(folder, looked_up, prompts)
    if args.matrix:
        source, file = named(args.matrix)
        sources[source] = matrix_vectors(file, names)
    if any(missing.values()):
        print_missing(missing)
        sys.exit('Nothing was written: give these classes another name with --alias.')
    write_class_embeddings(args.out, names, sources)
    sizes = ', '.join(f'{source} ({m.shape[1]})' for source, m in sources.items())
    print(f'{args.out}: {len(names)} classes, {sizes}')


if __name__ == '__main__':
    sys.exit(exit_code(main))
