"""Write requirements.lock: the versions of this environment that the tests run on.

    python .ci/make_lock.py

Holds what the extras mminstall, crf and tests need, at the versions that are installed
here. What torch brings for its kind of GPU is left to torch.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
FILES = ('runtime', 'mminstall', 'crf', 'tests')
OF_TORCH = re.compile(r'nvidia-|cuda-|triton$')


def requirements() -> list[Requirement]:
    """Read what the files ask for."""
    found = []
    for name in FILES:
        text = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8')
        lines = (line.partition('#')[0].strip() for line in text.splitlines())
        found += [Requirement(line) for line in lines if line]
    return found


def locked() -> dict[str, str]:
    """Find the installed version of each package that is needed, by name."""
    versions: dict[str, str] = {}
    waiting = requirements()
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r'[-_.]+', '-', wanted.name).lower()
        if name in versions or OF_TORCH.match(name):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # of an extra, or of another platform
        versions[name] = found.version.partition('+')[0]
        needs = [Requirement(text) for text in found.requires or ()]
        extras = ('', *wanted.extras)
        waiting += [
            need
            for need in needs
            if not need.marker
            or any(need.marker.evaluate(dict(extra=extra)) for extra in extras)
        ]
    return versions


def main() -> None:
    """Write the file."""
    lines = [f'{name}=={version}\n' for name, version in sorted(locked().items())]
    head = '# Versions that the tests run on: python .ci/make_lock.py\n'
    path = ROOT / 'requirements.lock'
    path.write_text(head + ''.join(lines), encoding='utf-8')


if __name__ == '__main__':
    main()
