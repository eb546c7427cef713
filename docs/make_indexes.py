"""Write the pages that are made from docstrings: equations.md and components.md.

    python docs/make_indexes.py           # write them
    python docs/make_indexes.py --check   # exit code 1 if one is out of date

``equations.md`` says which function or class holds which equation: whatever a docstring
calls ``MiB, eq. 5-6``, with the paper's name right before the number, stands there.
``components.md`` lists every class that is registered, with the first sentence of its
docstring.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAPERS = {
    'MiB': 'Modeling the Background for Incremental and Weakly-Supervised Semantic '
    'Segmentation',
    'U2PL+': 'Using Unreliable Pseudo-Labels for Label-Efficient Semantic Segmentation',
    'EUMS': 'Novel Class Discovery in Semantic Segmentation',
    'STRICT': 'A Closer Look at Self-training for Zero-Label Semantic Segmentation',
    'IDDC': 'Imbalance-Aware Discriminative Clustering for Unsupervised Semantic '
    'Segmentation',
}
KINDS = {
    'MODELS': 'Models, heads and losses',
    'DATASETS': 'Datasets and wrappers',
    'TRANSFORMS': 'Transforms',
    'DATA_SAMPLERS': 'Samplers',
    'HOOKS': 'Hooks',
    'LOOPS': 'Loops',
    'OPTIM_WRAPPERS': 'Optimizer wrappers',
    'METRICS': 'Metrics',
    'TASK_UTILS': 'Protocols, jobs and their parts',
}
REFERENCE = re.compile(
    rf'(?:{"|".join(map(re.escape, PAPERS))}), eq\. \d+(?:(?:-|, | and )\d+)*'
)
EQUATIONS_HEAD = """# Equation index

Where each equation of the five papers stands in the code. Generated from docstrings by
`python docs/make_indexes.py`.
"""
COMPONENTS_HEAD = """# Components

Every class that `import mmseg_labelfree` registers into MMSegmentation's registries, to
be named by its `type` in a config. Generated from docstrings by
`python docs/make_indexes.py`.
"""


class Definition(NamedTuple):
    """A function, class or module of the package, with its docstring."""

    file: str
    line: int
    name: str
    text: str
    registry: str | None

    @property
    def link(self) -> str:
        """Its name, linked to the source."""
        return f'[`{self.name}`](../{self.file}#L{self.line})'

    @property
    def summary(self) -> str:
        """First sentence of the docstring in Markdown, without references."""
        references = rf' ?\({REFERENCE.pattern}\)|,? {REFERENCE.pattern}'
        sentence = re.split(r'\.(?: |$)', re.sub(references, '', self.text))[0]
        sentence = re.sub(r':\w+:`~?(?:[\w.]*\.)?([^`]+)`', r'`\1`', sentence)
        return sentence.replace('``', '`').replace('|', '\\|')


def definitions() -> Iterator[Definition]:
    """All modules, classes and functions that have a docstring."""
    for path in sorted(ROOT.glob('mmseg_labelfree/**/*.py')):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                continue
            text = ' '.join((ast.get_docstring(node) or '').split())
            if not text:
                continue
            if isinstance(node, ast.Module):
                yield Definition(file, 1, path.stem, text, None)
            else:
                registry = _registry(node.decorator_list)
                yield Definition(file, node.lineno, node.name, text, registry)


def equations() -> str:
    """The page of the equations, sorted by paper and number."""
    rows: dict[str, list[tuple[list[int], str]]] = {paper: [] for paper in PAPERS}
    for found in definitions():
        for paper, numbers in _references(found.text).items():
            row = (
                f'| {_ranges(numbers)} | {found.link}, {found.file}:{found.line} '
                f'| {found.summary} |'
            )
            rows[paper].append((numbers, row))
    parts = [EQUATIONS_HEAD]
    for paper, title in PAPERS.items():
        table = ['| eq. | where | what |', '|---|---|---|']
        table += [row for _, row in sorted(rows[paper])]
        parts.append(f'## {paper}\n\n{title}\n\n' + '\n'.join(table) + '\n')
    return '\n'.join(parts)


def components() -> str:
    """The page of the registered classes, by registry."""
    registered = [found for found in definitions() if found.registry]
    parts = [COMPONENTS_HEAD]
    for registry, kind in KINDS.items():
        table = ['| component | what it is |', '|---|---|']
        table += sorted(
            f'| {found.link} | {found.summary} |'
            for found in registered
            if found.registry == registry
        )
        parts.append(f'## {kind}\n\n' + '\n'.join(table) + '\n')
    return '\n'.join(parts)


def _references(text: str) -> dict[str, list[int]]:
    """Numbers of the equations that a docstring names, by paper, ascending."""
    found: dict[str, set[int]] = {}
    for reference in REFERENCE.findall(text):
        paper, numbers = reference.split(', eq. ')
        for first, last in re.findall(r'(\d+)(?:-(\d+))?', numbers):
            equations = range(int(first), int(last or first) + 1)
            found.setdefault(paper, set()).update(equations)
    return {paper: sorted(numbers) for paper, numbers in found.items()}


def _ranges(numbers: list[int]) -> str:
    """Ascending numbers as text: ``1, 5, 8-10``."""
    firsts = [number for number in numbers if number - 1 not in numbers]
    lasts = [number for number in numbers if number + 1 not in numbers]
    return ', '.join(
        f'{first}-{last}' if last > first else f'{first}'
        for first, last in zip(firsts, lasts, strict=True)
    )


def _registry(decorators: list[ast.expr]) -> str | None:
    """Name of the registry that a class is registered in, if any."""
    for decorator in decorators:
        match = re.match(r'(\w+)\.register_module\(', ast.unparse(decorator))
        if match:
            return match[1]
    return None


def main() -> int:
    """Write or check the pages; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--check', action='store_true', help='change nothing')
    check = parser.parse_args().check
    outdated = 0
    for name, make in (('equations', equations), ('components', components)):
        page = ROOT / 'docs' / f'{name}.md'
        text = make()
        if page.is_file() and page.read_text(encoding='utf-8') == text:
            continue
        outdated += 1
        if check:
            print(f'{page} is out of date: run python docs/make_indexes.py')
        else:
            page.write_text(text, encoding='utf-8')
    return int(check and outdated > 0)


if __name__ == '__main__':
    sys.exit(main())
