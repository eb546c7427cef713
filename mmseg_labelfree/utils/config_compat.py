"""What mmengine's configs cannot do by themselves.

``_base_ = 'mmseg::...'`` must find the maintained forks of OpenMMLab's packages:
mmengine looks up the distribution (the name pip knows) of a config's package in
``mmengine.config.utils.MODULE2PACKAGE``. The forks keep the module names and change
those of the distributions, so mmengine reports them as not installed.

``LABELFREE_DATA`` may be a folder of any name: mmengine puts the value of an
environment variable into the text of the config, where an apostrophe ends the string
and a backslash begins something else.
"""

import os
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

# Module -> names of the distributions that provide it, the original first.
_DISTRIBUTIONS = {
    'mmseg': ('mmsegmentation', 'onedl-mmsegmentation'),
    'mmpretrain': ('mmpretrain', 'onedl-mmpretrain'),
    'mmdet': ('mmdet', 'onedl-mmdetection'),
}


def mend_package_map() -> None:
    """Point mmengine's package map at the distributions that are installed.

    This package is added to it. Entries of packages that are not installed stay as
    they are, and so do those of installed originals. Calling it again changes nothing.
    It must run before the first ``Config.fromfile`` of a config with a ``::`` base:
    ``custom_imports`` in that config come too late, since bases are resolved before
    them.

    Example:
        Before ``Config.fromfile('my_config.py')``:

        >>> mend_package_map()
    """
    # Imported here so that check_environment can report a missing mmengine first.
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE.setdefault('mmseg_labelfree', 'mmseg_labelfree')
    for module, names in _DISTRIBUTIONS.items():
        name = next(filter(_is_installed, names), None)
        if name is not None:
            MODULE2PACKAGE[module] = name


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def mend_data_folder() -> None:
    """Let configs take ``LABELFREE_DATA`` as it is, with ``~`` for the home folder.

    That holds for each variable whose name begins with ``LABELFREE_``. One that is
    empty counts as not set. Calling it again changes nothing.

    Example:
        Before ``Config.fromfile`` of a config with ``'{{$LABELFREE_DATA:data}}/voc'``:

        >>> mend_data_folder()
    """
    from mmengine.config import Config

    substitute = Config._substitute_env_variables
    if getattr(substitute, 'mended', False):
        return

    def mended(filename: str, temp_config_name: str) -> dict:
        text = Path(filename).read_text(encoding='utf-8')
        values: dict[str, str] = {}

        def value(match: re.Match) -> str:
            found = os.path.expanduser(os.environ.get(match[1]) or match[2])
            values[match[1]] = found
            return re.sub(r'[^\w/.:~ -]', _escaped, found)

        text = _OWN_VARIABLE.sub(value, text)
        Path(temp_config_name).write_text(text, encoding='utf-8')
        return values | substitute(temp_config_name, temp_config_name)

    mended.mended = True  # type: ignore[attr-defined]
    Config._substitute_env_variables = staticmethod(mended)


_OWN_VARIABLE = re.compile(r'\{\{\s*\$(LABELFREE_\w+)\s*:\s*(\S*?)\s*\}\}')


def _escaped(match: re.Match) -> str:
    """A character of a string in the source of a config."""
    return f'\\U{ord(match[0]):08x}'
