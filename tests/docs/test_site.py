"""Links of the site's pages and formulas, on a small site with its extensions."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('myst_parser')
ROOT = Path(__file__).parents[2]
CONF = """
import sys
sys.path.insert(0, '_ext')
extensions = ['myst_parser', 'mathml', 'repository_links']
exclude_patterns = ['_build']
myst_all_links_external = True
myst_heading_anchors = 4
"""
INDEX = """# Site

[page](page.md), [heading](../folder/README.md#its-heading), [line](../code/a.py#L2),
[outside](https://example.org)

```{toctree}
page
```
"""
README = '# Included\n\n[code](../code/a.py) [here](#its-heading)\n\n## Its heading\n'


@pytest.fixture
def site(tmp_path):
    """Builds a site of two pages, one of which includes a README, and returns it."""
    docs = tmp_path / 'docs'
    shutil.copytree(ROOT / 'docs/_ext', docs / '_ext')
    for name in ('code', 'folder'):
        (tmp_path / name).mkdir()
    (docs / 'conf.py').write_text(CONF)
    (docs / 'page.md').write_text(
        '```{include} ../folder/README.md\n```\n\n```{math}\n\\frac{a}{b}\n```\n'
    )
    (tmp_path / 'folder/README.md').write_text(README)
    (tmp_path / 'code/a.py').write_text('x = 1\ny = 2\n')

    def build(index):
        (docs / 'index.md').write_text(index)
        command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q']
        done = subprocess.run(
            [*command, docs, tmp_path / 'html'],
            cwd=docs,
            capture_output=True,
            text=True,
        )
        return done, tmp_path / 'html'

    return build


@pytest.mark.slow
def test_links_lead_to_pages_headings_and_lines(site):
    done, html = site(INDEX)
    assert done.returncode == 0, done.stderr
    index = (html / 'index.html').read_text()
    for target in ('page.html', 'page.html#its-heading', 'files/code/a.py.html#L-2'):
        assert f'href="{target}"' in index
    assert 'href="https://example.org"' in index
    page = (html / 'page.html').read_text()
    assert 'href="files/code/a.py.html"' in page and 'href="#its-heading"' in page
    assert '<mfrac>' in page and 'MathJax' not in page
    assert 'id="L-2"' in (html / 'files/code/a.py.html').read_text()


@pytest.mark.slow
@pytest.mark.parametrize('target', ['../code/b.py', 'page.md#gone', '#gone', '..'])
def test_a_link_without_target_is_a_warning(site, target):
    done, _ = site(INDEX + f'\n[broken]({target})\n')
    assert done.returncode != 0
    assert f'no target for the link {target}' in done.stderr
