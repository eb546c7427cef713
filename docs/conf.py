"""Settings of the site; `make docs` builds it, without a network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / '_ext'), str(HERE.parent)]

from mmseg_labelfree import __version__  # noqa: E402

project = 'mmseg_labelfree'
author = 'The mmseg_labelfree authors'
project_copyright = author
release = version = __version__
language = 'en'

extensions = [
    'myst_nb',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
    'generated_pages',
    'mathml',
    'provenance',
    'repository_links',
]
exclude_patterns = ['_build', '_ext', '_settings.md', '**.ipynb_checkpoints']
suppress_warnings = ['config.cache']

# Links stand as they do on GitHub; repository_links.py finds their targets.
myst_all_links_external = True
myst_heading_anchors = 4
nb_execution_mode = 'off'  # a test runs the notebook
myst_enable_extensions = ['colon_fence']

autoclass_content = 'class'
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
toc_object_entries_show_parents = 'hide'

html_theme = 'furo'
html_title = 'mmseg_labelfree'
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sphinx = False
html_copy_source = False
html_use_index = html_domain_indices = False  # long names; there is the search
copybutton_exclude = '.linenos, .gp, .go'
