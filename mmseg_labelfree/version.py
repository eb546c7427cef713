"""The one place that holds the version; ``setup.py`` reads it from here.

Between two releases it is that of the next one with ``.dev0``.
"""

__version__ = '0.2.0.dev0'
