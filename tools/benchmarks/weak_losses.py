"""The losses of weakly labeled images, by strips and as written.

Each image has 9 points of 3 x 3 pixels, the rest is unlabeled: ``pce`` is eq. 12 of
MiB, ``unlabeled`` eq. 13. What is compared and how, ``against_literal.py`` says.

Example:
    python tools/benchmarks/weak_losses.py --classes 151 --threads 2
"""

import argparse
import sys
from functools import partial
from typing import Any

from benchmark_parsers import literal_parser

NAMES = ('pce', 'unlabeled')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    return literal_parser(__doc__, NAMES, size=512).parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
import torch.nn.functional as F
from against_literal import enlarged, main, random_logits

from mmseg_labelfree.models import losses
from mmseg_labelfree.models.losses.pixel_losses import pixel_loss

LOSSES: dict[str, Any] = dict(
    pce=losses.PartialCrossEntropyLoss,
    unlabeled=partial(losses.UnlabeledSetCrossEntropyLoss, unlabeled_classes='crop'),
)


def make_inputs(args, size, small):
    """Logits and a label map with a few points."""
    torch.manual_seed(0)
    logits = random_logits(args, args.classes, small)
    label = torch.full((len(logits), size, size), 254, device=args.device)
    for image in label:
        corners = torch.randint(0, size - 2, (9, 2)).tolist()
        for (top, left), value in zip(corners, (1, 2, 3) * 3, strict=True):
            image[top : top + 3, left : left + 3] = value
    label[:, -size // 20 :] = 255
    return logits, label


def literal(name, args, logits, label):
    """Eq. 12, or 13 with a gamma of 1, as written; background is in every set."""
    log_q = F.log_softmax(enlarged(logits, label), dim=1)
    unlabeled = label == 254
    labeled = ~unlabeled & (label != 255)
    target = torch.where(labeled, label, 0)
    pixel = -log_q.gather(1, target.unsqueeze(1)).squeeze(1)
    loss = (pixel * labeled).sum((1, 2)) / labeled.sum((1, 2)).clamp(min=1)
    if name == 'unlabeled':
        in_image = torch.zeros(
            len(label), 256, dtype=torch.bool, device=label.device
        ).scatter(1, label.flatten(1), True)[:, : args.classes]
        in_image[:, 0] = True
        outside = ~in_image[:, :, None, None]
        log_p = log_q.masked_fill(outside, -torch.inf).logsumexp(1)
        count = unlabeled.sum((1, 2)).clamp(min=1)
        loss = loss - (log_p * unlabeled).sum((1, 2)) / count
    return loss.mean()


def strips(name, args, logits, label):
    """The package's losses."""
    return pixel_loss(LOSSES[name](), logits, label)


if __name__ == '__main__':
    versions = dict(literal=literal, strips=strips)
    sys.exit(main(parse_args(), make_inputs, versions))
