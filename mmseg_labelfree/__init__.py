"""Segmentation with few, partial or no labels, as components for MMSegmentation.

Importing the package registers every component into MMSegmentation's registries, so
one line makes them available in any config::

    custom_imports = dict(imports=['mmseg_labelfree'], allow_failed_imports=False)
"""

from .utils import (
    allow_checkpoint_classes,
    check_environment,
    mend_data_folder,
    mend_package_map,
)
from .version import __version__

check_environment()
mend_package_map()
mend_data_folder()
allow_checkpoint_classes()

from . import datasets, engine, evaluation, models, ops, visualization  # noqa: E402
from .datasets.damaged_files import name_damaged_files  # noqa: E402
from .utils.framework_compat import mend_inferencer, mend_loaders  # noqa: E402
from .utils.safe_loading import protect_checkpoint_loading  # noqa: E402

name_damaged_files()
protect_checkpoint_loading()
mend_inferencer()
mend_loaders()

__all__ = [
    '__version__',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'ops',
    'visualization',
]
