"""One page of several label_cost runs, such as those of ``--seeds``.

It has the mean and the sample standard deviation of each row, and the predictions of
the first run. ``--seeds`` ends with this page by itself.

Example:
    python tools/join_label_costs.py work_dirs/demo_voc/seed_* --out work_dirs/demo_voc
"""

import argparse


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
from mmseg_labelfree.visualization.label_cost import join_label_costs


def main() -> None:
    """Write the page."""
    args = parse_args()
    print(join_label_costs(args.folders, args.out))


if __name__ == '__main__':
    raise SystemExit(exit_code(main))
