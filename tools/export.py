r"""Export a trained model to TorchScript or ONNX, and compare it with the model.

    python tools/export.py demo_voc_15-1 model.pt --size 96 128
    python tools/export.py work_dirs/demo_voc_40 model.onnx --size 512   # extra: export

RUN as for tools/predict.py. The exported function takes RGB images, float of 0 to 255,
``(1, 3, H, W)`` of the given size, and gives the scores of the classes, of shape
``(1, C, H, W)``; normalization and the way of the test (windows, flips) are inside. The
tool ends with exit code 1 if its scores differ from the model's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

SUFFIXES = ('.pt', '.onnx')
TOLERANCE = 1e-3  # of the largest score; other kernels add up in another order


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('run', help='work dir, its name, or checkpoint')
    parser.add_argument('out', type=Path, help='file to write, .pt or .onnx')
    parser.add_argument('--size', type=int, nargs='+', required=True, help='H [W]')
    parser.add_argument('--config', help='config file; default the one in the work dir')
    args = parser.parse_args(argv)
    if args.out.suffix not in SUFFIXES:
        parser.error(f'{args.out} must end with {" or ".join(SUFFIXES)}')
    if len(args.size) > 2:
        parser.error('--size takes a height and a width, or one number for both')
    return args


def export(args: argparse.Namespace) -> int:
    """Export what the command line asks for; returns whether the results differ."""
    from mmseg_labelfree.engine.inference.export import (  # --help need not wait for it
        ExportedSegmentor,
        export_onnx,
        export_torchscript,
        largest_difference,
    )
    from mmseg_labelfree.engine.inference.runs import find_run

    run = find_run(args.run, args.config)
    module = ExportedSegmentor(run.build('cpu'), (args.size[0], args.size[-1])).eval()
    write = export_torchscript if args.out.suffix == '.pt' else export_onnx
    exported = write(module, args.out)
    difference, changed = largest_difference(module, exported)
    print(
        f'{args.out}: scores differ by {difference:.1e} of the largest, '
        f'{changed:.2%} of the pixels have another class than by the model'
    )
    if module.model.out_channels == 1:
        threshold = module.model.decode_head.threshold
        print(f'a pixel is of class 1 where the sigmoid of its score > {threshold}')
    return int(not difference <= TOLERANCE)  # also of a NaN


def main() -> int:
    """Run the command line; returns the exit code."""
    args = parse_args()
    from mmseg_labelfree.utils.command_line import exit_code

    return exit_code(lambda: export(args))


if __name__ == '__main__':
    sys.exit(main())
