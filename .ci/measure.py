"""Measure the structure of the code: configs, modules, functions, doctests, types.

    python .ci/measure.py            # everything
    python .ci/measure.py --no-mypy  # without the type checker, which takes a minute

Depth is the number of files from a leaf config down its longest chain of ``_base_``.
A body is a config without comments and ``_base_``.
"""

import ast
import doctest
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'mmseg_labelfree'
LONG_FUNCTION = 40  # lines


def bases(path: Path) -> list[Path]:
    """Files that a config's ``_base_`` names."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_':
            named = ast.literal_eval(node.value)
            named = [named] if isinstance(named, str) else named
            return [(path.parent / name).resolve() for name in named]
    return []


def depth(path: Path) -> int:
    """Files on the longest chain of bases, the config itself included."""
    return 1 + max((depth(base) for base in bases(path)), default=0)


def files_read(path: Path) -> set[Path]:
    """All files that MMEngine reads for a config."""
    return {path}.union(*(files_read(base) for base in bases(path)))


def body(path: Path) -> str:
    """A config without comments and ``_base_``."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    tree.body = [n for n in tree.body if not ast.unparse(n).startswith('_base_ =')]
    return ast.unparse(tree)


def config_rows() -> Iterator[tuple[str, str]]:
    """Figures of the configs."""
    leaves = sorted((ROOT / 'configs').glob('[!_]*/*.py'))
    folders = Counter(path.parent.name for path in leaves)
    yield 'leaf configs', f'{len(leaves)} ({_counts(folders)})'
    yield 'depth of `_base_`: leaves', _counts(Counter(map(depth, leaves)))
    yield (
        'files read for one config, most',
        str(max(len(files_read(p)) for p in leaves)),
    )
    yield 'distinct bodies', f'{len({body(p) for p in leaves})} of {len(leaves)}'
    pairs = Counter((body(p), tuple(bases(p))) for p in leaves)
    yield 'leaves of one body and base', str(sum(n for n in pairs.values() if n > 1))
    lines = [len(p.read_text(encoding='utf-8').splitlines()) for p in leaves]
    yield 'lines of a leaf', f'median {statistics.median(lines):g}, most {max(lines)}'
    metafiles = list((ROOT / 'configs').glob('*/metafile.yaml'))
    yield 'metafiles with the published figures', str(len(metafiles))


def code_rows() -> Iterator[tuple[str, str]]:
    """Figures of the package's modules and functions."""
    modules = sorted(PACKAGE.rglob('*.py'))
    texts = [path.read_text(encoding='utf-8') for path in modules]
    yield 'modules', str(len(modules))
    lines = [len(text.splitlines()) for text in texts]
    yield 'lines', f'{sum(lines)}, longest module {max(lines)}'
    public, sizes, documented, examples = 0, [], 0, 0
    parser = doctest.DocTestParser()
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            kinds = (ast.FunctionDef, ast.ClassDef, ast.Module)
            if not isinstance(node, kinds):
                continue
            doc = ast.get_docstring(node)
            examples += bool(parser.get_examples(doc or ''))
            if isinstance(node, ast.FunctionDef):
                sizes.append(_body_lines(node))
            if not isinstance(node, ast.Module) and not node.name.startswith('_'):
                public += 1
                documented += doc is not None
    long = sum(size > LONG_FUNCTION for size in sizes)
    yield 'functions', f'{len(sizes)}, median body {statistics.median(sizes):g} lines'
    yield f'functions over {LONG_FUNCTION} lines', f'{100 * long / len(sizes):.1f} %'
    yield 'public names documented', f'{100 * documented / public:.0f} %'
    yield 'docstrings with a doctest', str(examples)


def mypy_row() -> tuple[str, str]:
    """The type checker's last line."""
    command = [sys.executable, '-m', 'mypy']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return 'mypy', (done.stdout or done.stderr).strip().splitlines()[-1]


def line_rows() -> Iterator[tuple[str, str]]:
    """Lines of Python by folder."""
    parts = sorted(p for p in PACKAGE.iterdir() if p.is_dir() and p.name[0] != '_')
    for folder in (*parts, ROOT / 'configs', ROOT / 'tools', ROOT / 'tests'):
        files = list(folder.rglob('*.py'))
        total = sum(len(f.read_text(encoding='utf-8').splitlines()) for f in files)
        yield f'{folder.relative_to(ROOT)}/', f'{total} lines in {len(files)} files'


def _body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function below its signature and docstring."""
    statements = function.body
    if ast.get_docstring(function) is not None:
        statements = statements[1:]
    if not statements:
        return 0
    return statements[-1].end_lineno - statements[0].lineno + 1


def _counts(counter: Counter) -> str:
    return ', '.join(f'{key}: {counter[key]}' for key in sorted(counter))


def main(arguments: list[str]) -> None:
    """Print the table in Markdown."""
    rows = [*config_rows(), *code_rows()]
    if '--no-mypy' not in arguments:
        rows.append(mypy_row())
    rows += line_rows()
    print('| measure | value |\n|---|---|')
    for name, value in rows:
        print(f'| {name} | {re.sub(r"[|]", "/", value)} |')


if __name__ == '__main__':
    main(sys.argv[1:])
