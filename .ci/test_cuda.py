"""Run the tests that need a GPU, then time the steps of all methods on it.

make test-cuda                         # writes work_dirs/cuda_tests.md
python .ci/test_cuda.py --out FILE     # writes another file
python .ci/test_cuda.py --only mib     # times these alone; see published_steps.py

Without a GPU the tests are skipped, and nothing is timed.
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


def time_steps(only: list[str]) -> tuple[int, str]:
    """Time a step of each method; exit code of the benchmark and its table."""
    script = ROOT / 'tools/benchmarks/published_steps.py'
    command = [sys.executable, str(script), '--device', 'cuda', '--dtypes', 'bfloat16']
    if only:
        command += ['--only', *only]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


def main() -> int:
    """Run the tests and the benchmark, write and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'work_dirs/cuda_tests.md', help='the tables'
    )
    parser.add_argument(
        '--only',
        nargs='+',
        default=[],
        help='steps whose names begin with one of these',
    )
    args = parser.parse_args()
    out = args.out
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / 'report.xml'
        code = run_tests(report)
        text = table(report)
    if torch.cuda.is_available():
        timed, steps = time_steps(args.only)
        code, text = code or timed, f'{text}\n{steps}'
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding='utf-8')
    print(text)
    return code


if __name__ == '__main__':
    sys.exit(main())
