"""Time and peak memory of the weakly supervised losses against their equations.

``literal`` follows eq. 12 and 13 of MiB step by step in differentiable tensor
operations; ``fused`` is what the package trains with. Each row is one forward and
backward pass over the same logits (21 classes, 4 images, 9 points of 3 x 3 pixels in
each, the rest unlabeled): ``pce`` is eq. 12, ``unlabeled`` eq. 13.

How time and memory are measured, ``fused_against_literal.py`` says.

Example:
    python tools/benchmarks/weak_losses.py --size 321 --threads 1
"""

import sys

from fused_against_literal import Comparison, main

BATCH, CLASSES = 4, 21


def make_inputs(size, args):
    """Logits (a leaf) and a label map with a few points."""
    import torch

    torch.manual_seed(0)
    options = dict(device=args.device, dtype=getattr(torch, args.dtype))
    logits = torch.empty(BATCH, CLASSES, size, size, **options).normal_()
    label = torch.full((BATCH, size, size), 254, device=args.device)
    for image in label:
        corners = torch.randint(0, size - 2, (9, 2)).tolist()
        for (top, left), value in zip(corners, (1, 2, 3) * 3, strict=True):
            image[top : top + 3, left : left + 3] = value
    label[:, -size // 20 :] = 255
    return logits.requires_grad_(), label


def literal_loss(name, logits, label):
    """Eq. 12, or 13 with a gamma of 1, as written; background is in every set."""
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(logits.float(), dim=1)
    unlabeled = label == 254
    labeled = ~unlabeled & (label != 255)
    target = torch.where(labeled, label, 0)
    pixel = -log_q.gather(1, target.unsqueeze(1)).squeeze(1)
    loss = (pixel * labeled).sum((1, 2)) / labeled.sum((1, 2)).clamp(min=1)
    if name == 'unlabeled':
        value = label.clamp(max=CLASSES).flatten(1)
        in_image = F.one_hot(value, CLASSES + 1).amax(1)[:, :CLASSES].bool()
        in_image[:, 0] = True
        outside = ~in_image[:, :, None, None]
        log_p = log_q.masked_fill(outside, -torch.inf).logsumexp(1)
        count = unlabeled.sum((1, 2)).clamp(min=1)
        loss = loss - (log_p * unlabeled).sum((1, 2)) / count
    return loss.mean()


def make_pass(version, name, logits, label):
    """A function that runs one forward and backward pass and returns the loss."""
    from mmseg_labelfree.models import losses

    if name == 'pce':
        fused = losses.PartialCrossEntropyLoss()
    else:
        fused = losses.UnlabeledSetCrossEntropyLoss()

    def run():
        logits.grad = None
        if version == 'fused':
            loss = fused(logits, label)
        else:
            loss = literal_loss(name, logits, label)
        loss.backward()
        return loss.detach()

    return run


if __name__ == '__main__':
    comparison = Comparison(
        losses=('pce', 'unlabeled'),
        make_inputs=make_inputs,
        make_pass=make_pass,
        title=f'{BATCH} images, {CLASSES} classes',
        size=321,
    )
    sys.exit(main(comparison, __doc__))
