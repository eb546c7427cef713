"""Settings of a config, and what its files say about where each comes from.

The source of a setting is the comment at its line in the file that sets it, or above
it, else that of the dictionary that it stands in, else the first sentence of the file.
"""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

__all__ = ['COMMAND_LINE', 'Row', 'Setting', 'config_files', 'config_settings']

COMMAND_LINE = 'command line'
"""Source of a setting that differs from what the files of the config say."""

PARTS = (
    'model',
    'protocol',
    'job',
    'train_dataloader',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
    'auto_scale_lr',
    'custom_hooks',
    'randomness',
)
# What names files, or costs time alone.
LEFT_OUT = {
    'type',
    'data_root',
    'data_prefix',
    'ann_file',
    'metainfo',
    'num_workers',
    'persistent_workers',
    'data_preprocessor',
    'test_cfg',
    'val_interval',
}
UNKNOWN = object()


class Setting(NamedTuple):
    """A setting where a file says it: keys from the outermost, value and comment."""

    keys: tuple[str, ...]
    value: Any
    note: str
    file: Path
    line: int


class Row(NamedTuple):
    """A setting of a config.

    Attributes:
        name: Dotted name; parts of lists go by their types.
        value: As Python writes it.
        note: What its place says about its source; empty if that is not known.
        place: Where it stands, None if that is not known.
    """

    name: str
    value: str
    note: str
    place: Setting | None


class Comments:
    """The comments of a file by line, at the end of code or alone in a line."""

    def __init__(self, text: str) -> None:
        self.at_end: dict[int, str] = {}
        self.alone: dict[int, str] = {}
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                alone = not token.line[: token.start[1]].strip()
                found = self.alone if alone else self.at_end
                found[token.start[0]] = token.string.lstrip('# ').replace('`', '')
        length = next(n for n in range(1, len(text) + 2) if n not in self.alone)
        self.head = self._lines_above(length)
        self.title = self.head.partition('. ')[0]

    def of(self, node: ast.AST) -> str:
        """Comment at the first or last line of a node, or right above it."""
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        found = self.at_end.get(first) or self.at_end.get(last)
        return found or self.above(first)

    def above(self, line: int) -> str:
        """Lines of comment right above a line; of the file's, the first sentence."""
        found = self._lines_above(line)
        return self.title if found == self.head else found

    def _lines_above(self, line: int) -> str:
        lines: list[str] = []
        while line - 1 in self.alone:
            line -= 1
            lines.insert(0, self.alone[line])
        return ' '.join(lines)


def settings_in(file: Path) -> Iterator[Setting]:
    """All settings that a config file says."""
    text = file.read_text(encoding='utf-8')
    comments = Comments(text)

    def walk(keys: tuple[str, ...], node: ast.expr, note: str) -> Iterator[Setting]:
        if isinstance(node, ast.Call):
            for word in node.keywords:
                if word.arg:
                    own = comments.of(word) or note
                    yield from walk((*keys, word.arg), word.value, own)
            return
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    own = comments.of(value) or note
                    yield from walk((*keys, str(key.value)), value, own)
            return
        if isinstance(node, ast.List | ast.Tuple) and _holds_calls(node):
            for part in node.elts:
                yield from walk(keys, part, comments.of(part) or note)
            return
        yield Setting(keys, _value(node), note, file, node.lineno)

    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            note = comments.above(statement.lineno) or comments.title
            for target in statement.targets:
                yield from walk((ast.unparse(target),), statement.value, note)


def _holds_calls(node: ast.List | ast.Tuple) -> bool:
    return any(isinstance(part, ast.Call | ast.List) for part in node.elts)


def _value(node: ast.expr) -> Any:
    """Value of an expression of numbers and strings."""
    try:
        return eval(ast.unparse(node), {'__builtins__': {}})
    except Exception:  # it needs other variables
        return UNKNOWN


def config_files(config: Path) -> list[Path]:
    """A config and the files below it, its bases first."""
    found: list[Path] = []
    for statement in ast.parse(config.read_text(encoding='utf-8')).body:
        if isinstance(statement, ast.Assign) and (
            ast.unparse(statement.targets[0]) == '_base_'
        ):
            bases = ast.literal_eval(statement.value)
            for base in [bases] if isinstance(bases, str) else bases:
                if '::' not in base:  # of another package, which cites nothing here
                    found += config_files((config.parent / base).resolve())
    return [*found, config]


def used_names(files: Iterable[Path]) -> set[str]:
    """Variables that the settings of a config come from, through others too."""
    uses: dict[str, set[str]] = {}
    for file in files:
        for statement in ast.parse(file.read_text(encoding='utf-8')).body:
            if isinstance(statement, ast.Assign):
                names = _names(statement.value)
                for target in statement.targets:
                    uses.setdefault(ast.unparse(target), set()).update(names)
    used, waiting = set(), list(PARTS)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += uses.get(name, ())
    return used


def _names(expression: ast.expr) -> set[str]:
    """Variables in an expression, those of the bases without their ``_base_``."""
    nodes = list(ast.walk(expression))
    own = {node.id for node in nodes if isinstance(node, ast.Name)}
    return own | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def flatten(value: Any, shown: str, keys: tuple[str, ...]) -> Iterator[tuple]:
    """Name, keys and value of each setting; parts of lists go by their types."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in LEFT_OUT:
                yield from flatten(part, f'{shown}.{key}', (*keys, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(v, dict) for v in value):
        for part in value:
            if isinstance(part, dict):
                name = part.get('type', '')
                yield from flatten(part, f'{shown}.{name}', keys)
    elif value is not None:
        yield shown, keys, value


def best(found: Iterable[Setting], keys: tuple[str, ...], value: Any) -> Setting | None:
    """The place that says a setting: most common keys from the innermost, then last."""
    rated = [
        (_common(setting.keys, keys), setting.value is not UNKNOWN, index, setting)
        for index, setting in enumerate(found)
        if setting.value is UNKNOWN or _same(setting.value, value)
    ]
    rated = [rate for rate in rated if rate[0]]
    return max(rated, key=lambda rate: rate[:3])[3] if rated else None


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return list(first) == list(second)
    return type(first) is type(second) and first == second


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def config_settings(file: Path, resolved: Config | None = None) -> Iterator[Row]:
    """List the settings of a config, each with its source.

    Args:
        file: The config's file.
        resolved: The config as it runs, with the options of the command line. Defaults
            to what the file says.

    Yields:
        The settings that change results, those of the model first.
    """
    files = config_files(file)
    used = used_names(files)
    said = [setting for path in files for setting in settings_in(path)]
    found = [setting for setting in said if setting.keys[0] in used]
    own = Config.fromfile(file)
    written = [(name, value) for name, _, value in _all_settings(own)]
    for name, keys, value in _all_settings(own if resolved is None else resolved):
        if (name, value) in written:
            place = best(found, keys, value)
            yield Row(name, repr(value), place.note if place else '', place)
        else:
            yield Row(name, repr(value), COMMAND_LINE, None)


def _all_settings(config: Config) -> Iterator[tuple]:
    for part in PARTS:
        yield from flatten(config.get(part), part, (part,))
