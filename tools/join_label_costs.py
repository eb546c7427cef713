"""One page of several label_cost runs, such as those of ``--seeds``.

It has the mean and the sample standard deviation of each row, and the predictions of
the first run.

Example:
    python tools/join_label_costs.py work_dirs/demo_voc/seed_* --out work_dirs/demo_voc
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('folders', nargs='+', help='work dirs of the runs')
    parser.add_argument('--out', required=True, help='folder for the page')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from mmseg_labelfree.utils.command_line import exit_code
from mmseg_labelfree.visualization.cost_rows import join_costs, read_costs
from mmseg_labelfree.visualization.label_cost import write_label_cost


def main() -> None:
    """Write the page."""
    args = parse_args()
    runs = [read_costs(folder) for folder in args.folders]
    costs = join_costs([rows for rows, _ in runs])
    notes = [*runs[0][1], f'Mean and spread of {len(runs)} runs.']
    write_label_cost(args.out, costs, Path(args.out).resolve().name, notes)
    print(f'{args.out}/label_cost.html')


if __name__ == '__main__':
    raise SystemExit(exit_code(main))
