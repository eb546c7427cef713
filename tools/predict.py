r"""Predict images, folders of images or videos with a trained model.

    python tools/predict.py demo_voc_15-1 photos/ --out predictions
    python tools/predict.py work_dirs/demo_voc_40/iter_2000.pth a.jpg film.mp4 --out out

RUN is a work dir or its name below work_dirs (of a protocol its last stage counts, or
NAME/STAGE), or a checkpoint. The folder gets ``masks/`` (PNG files of class indices,
which viewers show in the colors of the classes), ``overlays/`` (the images under these
colors, a video for a video) and ``areas.csv`` (pixels and share of each class in each
image). What lies in the first two is left out of folders that are predicted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('run', help='work dir, its name, or checkpoint')
    parser.add_argument('inputs', nargs='+', help='images, folders, videos')
    parser.add_argument('--out', required=True, help='folder for the results')
    parser.add_argument('--config', help='config file; default the one in the work dir')
    parser.add_argument(
        '--device',
        help='where the model runs; default a GPU if there is one',
    )
    parser.add_argument(
        '--batch-size', type=int, default=1, help='images of one size at once'
    )
    parser.add_argument(
        '--opacity', type=float, default=0.5, help='of the colors in overlays, 0 to 1'
    )
    return parser.parse_args(argv)


def predict(args: argparse.Namespace) -> int:
    """Predict what the command line asks for; returns 0."""
    import torch  # here, since --help need not wait for it

    from mmseg_labelfree.engine.inference.media import find_media
    from mmseg_labelfree.engine.inference.output import RESULTS, PredictionWriter
    from mmseg_labelfree.engine.inference.predictor import Predictor
    from mmseg_labelfree.engine.inference.runs import find_run
    from mmseg_labelfree.utils.progress import tracked

    media = find_media(args.inputs, [Path(args.out, kind) for kind in RESULTS])
    run = find_run(args.run, args.config)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    model = run.build(args.device or device)
    predictor = Predictor(model, run.pipeline, args.batch_size)
    frames = (frame for item in media for frame in item.frames())
    rates = {item.name: item.rate for item in media if item.is_video}
    meta = model.dataset_meta
    with PredictionWriter(
        args.out, meta['classes'], meta['palette'], args.opacity, rates
    ) as writer:
        total = sum(len(item) for item in media)
        for prediction in tracked(predictor(frames), 'Predicting', total):
            writer.write(prediction)
    print(f'{writer.number} images by {run.checkpoint}: results are in {args.out}')
    return 0


def main() -> int:
    """Run the command line; returns the exit code."""
    args = parse_args()
    from mmseg_labelfree.utils.command_line import exit_code
    from mmseg_labelfree.utils.signals import one_line_stops

    with one_line_stops('what is finished is in the folder.'):
        return exit_code(lambda: predict(args))


if __name__ == '__main__':
    sys.exit(main())
