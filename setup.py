"""Packaging of mmseg_labelfree; the requirements are read from requirements/."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = 'mmseg_labelfree'


def read_version() -> str:
    """Return the version without importing the package."""
    text = (ROOT / PACKAGE / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'$", text, re.MULTILINE)[1]


def read_requirements(name: str) -> list[str]:
    """Return the requirements in ``requirements/<name>.txt`` without comments."""
    text = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8')
    lines = (line.partition('#')[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


class BuildWithConfigs(build_py):
    """Ship configs/, tools/ and model-index.yml under ``mmseg_labelfree/.mim``.

    An editable install needs no copy: its users have the checkout.
    """

    folders = ('configs', 'tools')
    index = 'model-index.yml'  # of the metafiles, for OpenMIM

    def run(self) -> None:
        """Build the package and copy the folders beside it."""
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        for folder in self.folders:
            target = self._target(folder)
            shutil.rmtree(target, ignore_errors=True)
            if (ROOT / folder).is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
                shutil.copytree(ROOT / folder, target, ignore=ignore)
        shutil.copy(ROOT / self.index, self._target(self.index))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return all built files, the copied ones included."""
        outputs = super().get_outputs(include_bytecode)
        for folder in self.folders:
            files = self._target(folder).rglob('*')
            outputs += [str(file) for file in files if file.is_file()]
        return [*outputs, str(self._target(self.index))]

    def _target(self, name: str) -> Path:
        return Path(self.build_lib, PACKAGE, '.mim', name)


setup(
    name=PACKAGE,
    version=read_version(),
    description='Semantic segmentation with few or no labels, on top of MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    classifiers=[
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={PACKAGE: ['py.typed']},
    install_requires=read_requirements('runtime'),
    extras_require={
        name: read_requirements(name)
        for name in ('mminstall', 'crf', 'docs', 'export', 'tests')
    },
    cmdclass={'build_py': BuildWithConfigs},
    zip_safe=False,
)
