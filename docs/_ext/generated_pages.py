"""Sphinx extension: writes the pages that are made of the package before each build.

`docs/api/<package>.rst` for each package, with what its `__all__` names first and then,
module by module, what else is public; and a copy of the notebook. None is committed.
"""

import importlib
import inspect
import pkgutil
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = 'mmseg_labelfree'
NOTEBOOK = 'demo/semi_supervised.ipynb'


def public_modules() -> list[str]:
    """Names of all modules and packages without a leading underscore."""
    package = importlib.import_module(PACKAGE)
    walk = pkgutil.walk_packages(package.__path__, f'{PACKAGE}.')
    return [m.name for m in walk if '._' not in m.name]


def exported(module: ModuleType) -> list[str]:
    """Functions and classes in ``__all__`` that no package below exports."""
    below = {
        id(getattr(package, name))
        for package in map(importlib.import_module, packages_below(module.__name__))
        for name in getattr(package, '__all__', ())
    }
    names = getattr(module, '__all__', ())
    return [
        name
        for name in names
        if documented(getattr(module, name)) and id(getattr(module, name)) not in below
    ]


def documented(value: object) -> bool:
    """Whether a value is a function or a class."""
    return inspect.isclass(value) or inspect.isfunction(value)


def packages_below(name: str) -> list[str]:
    """The packages inside a package, all the way down."""
    modules = public_modules()
    return [m for m in modules if m.startswith(f'{name}.') and is_package(m)]


def is_package(name: str) -> bool:
    """Whether a module holds others."""
    return hasattr(importlib.import_module(name), '__path__')


def own_members(module: ModuleType, seen: set[int]) -> list[str]:
    """Public functions and classes that a module defines and no package exports."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith('_')
        and getattr(value, '__module__', None) == module.__name__
        and documented(value)
        and id(value) not in seen
    ]


def page(name: str, seen: set[int]) -> str:
    """The reference of a package."""
    package = importlib.import_module(name)
    title = name.removeprefix(f'{PACKAGE}.')
    lines = [title, '=' * len(title), '', f'.. automodule:: {name}', '']
    for member in exported(package):
        lines += directive(f'{name}.{member}', getattr(package, member))
    for module in modules_in(name):
        loaded = importlib.import_module(module)
        members = own_members(loaded, seen)
        if members:
            heading = module.removeprefix(f'{name}.')
            lines += [heading, '-' * len(heading), '']
            lines += [f'.. automodule:: {module}', '   :no-index:', '']
            for member in members:
                lines += directive(f'{module}.{member}', getattr(loaded, member))
    return '\n'.join(lines)


def modules_in(package: str) -> Iterator[str]:
    """The modules right inside a package."""
    for name in public_modules():
        if name.rpartition('.')[0] == package and not is_package(name):
            yield name


def directive(name: str, value: object) -> list[str]:
    """The lines that document a function or a class."""
    if inspect.isclass(value):
        return [f'.. autoclass:: {name}', '   :members:', '   :show-inheritance:', '']
    return [f'.. autofunction:: {name}', '']


def write(app: Sphinx) -> None:
    """Write all pages that changed."""
    packages = [PACKAGE, *packages_below(PACKAGE)]
    loaded = map(importlib.import_module, packages)
    seen = {id(getattr(m, n)) for m in loaded for n in getattr(m, '__all__', ())}
    folder = Path(app.srcdir, 'api')
    folder.mkdir(exist_ok=True)
    pages = {f'{name}.rst': page(name, seen) for name in packages[1:]}
    for name, content in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding='utf-8') != content:
            path.write_text(content, encoding='utf-8')
    for path in folder.glob('*.rst'):
        if path.name not in pages:
            path.unlink()
    shutil.copy(ROOT / NOTEBOOK, Path(app.srcdir, 'notebook.ipynb'))


def is_field(app: Sphinx, what: str, name: str, value: object, *_) -> bool | None:
    """Leave out fields of named tuples, which the class's docstring explains."""
    return True if type(value).__name__ == '_tuplegetter' else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect('builder-inited', write)
    app.connect('autodoc-skip-member', is_field)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
