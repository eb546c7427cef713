"""Run the tests that need a GPU and write a table that names it.

make test-cuda                         # writes work_dirs/cuda_tests.md
python .ci/test_cuda.py --out FILE     # writes another file
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import torch

ROOT = Path(__file__).parents[1]


def run_tests(report: Path) -> int:
    """Run them; returns pytest's exit code and leaves its report as JUnit XML."""
    command = [sys.executable, '-m', 'pytest', '-m', 'cuda', f'--junitxml={report}']
    return subprocess.run([*command, 'tests/cuda'], cwd=ROOT).returncode


def rows(report: Path) -> list[tuple[str, str, str]]:
    """Name, outcome and seconds of each test."""
    found = []
    for case in ElementTree.parse(report).iter('testcase'):
        kinds = {child.tag for child in case}
        outcome = 'failed' if kinds & {'failure', 'error'} else 'passed'
        skipped = case.find('skipped')
        if skipped is not None:
            outcome = f'skipped: {skipped.get("message")}'
        found.append((case.get('name', ''), outcome, case.get('time', '')))
    return found


def table(report: Path) -> str:
    """Markdown: the cards and versions, then the tests."""
    cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    lines = [
        f'{", ".join(cards) or "no GPU"}; torch {torch.__version__}, CUDA '
        f'{torch.version.cuda}; {date.today()}',
        '',
        '| test | result | seconds |',
        '|---|---|---|',
    ]
    return '\n'.join([*lines, *(f'| {" | ".join(row)} |' for row in rows(report)), ''])


def main() -> int:
    """Run the tests, write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'work_dirs/cuda_tests.md', help='the table'
    )
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / 'report.xml'
        code = run_tests(report)
        text = table(report)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding='utf-8')
    print(text)
    return code


if __name__ == '__main__':
    sys.exit(main())
