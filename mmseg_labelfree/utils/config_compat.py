"""Let ``_base_ = 'mmseg::...'`` find the maintained forks of OpenMMLab's packages.

mmengine looks up the distribution (the name pip knows) of a config's package in
``mmengine.config.utils.MODULE2PACKAGE``. The forks keep the module names and change
those of the distributions, so mmengine reports them as not installed.
"""

from importlib.metadata import PackageNotFoundError, distribution

# Module -> names of the distributions that provide it, the original first.
_DISTRIBUTIONS = {
    'mmseg': ('mmsegmentation', 'onedl-mmsegmentation'),
    'mmpretrain': ('mmpretrain', 'onedl-mmpretrain'),
    'mmdet': ('mmdet', 'onedl-mmdetection'),
}


def mend_package_map() -> None:
    """Point mmengine's package map at the distributions that are installed.

    Entries of packages that are not installed stay as they are, and so do those of
    installed originals. Calling it again changes nothing. It must run before the first
    ``Config.fromfile`` of a config with a ``::`` base: ``custom_imports`` in that
    config come too late, since bases are resolved before them.

    Example:
        Before ``Config.fromfile('my_config.py')``:

        >>> mend_package_map()
    """
    # Imported here so that check_environment can report a missing mmengine first.
    from mmengine.config.utils import MODULE2PACKAGE

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
