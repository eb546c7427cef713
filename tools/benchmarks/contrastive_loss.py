"""Time and peak memory of U2PL's contrastive step against a literal one.

One step is: find the negatives of the batch and push them into the memory bank, find
and draw anchors, draw negatives, InfoNCE, and the backward pass into the student's
embeddings (U2PL+, algorithm 1). ``literal`` goes class by class, with a mask over
all pixels for each set of the equations and one list of rows for each queue; ``ours``
is what the package trains with. Both start with full queues of the same sizes, as
after some hundred iterations. Half of the images are labeled.

Time and memory are explained in ``loss_step.py``.

Example:
    python tools/benchmarks/contrastive_loss.py --max-time 0.2 --max-memory 0.5
"""

import argparse
import sys
from pathlib import Path

from benchmark_parsers import loss_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = loss_parser(__doc__)
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument('--classes', type=int, default=21)
    parser.add_argument('--channels', type=int, default=256)
    parser.add_argument('--size', type=int, default=129, help='side of the embeddings')
    parser.add_argument('--anchors', type=int, default=256)
    parser.add_argument('--negatives', type=int, default=50)
    parser.add_argument('--length', type=int, default=30000, help='rows of a queue')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
import torch.nn.functional as F
from loss_step import compare

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SHARE, THRESHOLD, TEMPERATURE, LOW, HIGH = 0.2, 0.3, 0.5, 3, 20


def make_inputs(args, size):
    """Embeddings of student (a leaf) and teacher, logits, labels and partition."""
    from mmseg_labelfree.ops import softmax_entropy, split_by_entropy

    torch.manual_seed(0)
    shape = (args.images, args.channels, size, size)
    options = dict(device=args.device)
    student = torch.empty(shape, **options).normal_().requires_grad_()
    teacher = torch.empty(shape, **options).normal_()
    # Blocks of one class each, which the teacher knows in 3 of 4 pixels.
    side = -(-size // 8)
    blocks = torch.randint(args.classes, (args.images, side, side), **options)
    labels = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)
    labels = labels[:, :size, :size].contiguous()
    logits = torch.randn(args.images, args.classes, size, size, **options)
    known = torch.rand(labels.shape, **options) < 0.75
    logits.scatter_add_(1, labels[:, None], 6.0 * known[:, None])
    labeled = args.images // 2
    labels[labeled:] = logits[labeled:].argmax(1)
    partition = split_by_entropy(softmax_entropy(logits[labeled:]), SHARE)
    reliable = torch.ones_like(labels, dtype=torch.bool)
    unreliable = torch.zeros_like(reliable)
    reliable[labeled:] = partition.reliable
    unreliable[labeled:] = partition.unreliable
    return student, teacher, logits, labels, reliable, unreliable


def literal_step(args, inputs):
    """Algorithm 1 class by class; the state is a list of queues."""
    student, teacher, logits, labels, reliable, unreliable = inputs
    device, labeled = args.device, args.images // 2
    queues = [F.normalize(torch.randn(n, args.channels), dim=1) for n in lengths(args)]
    queues = [queue.to(device) for queue in queues]
    prototypes = torch.randn(args.classes, args.channels, device=device)

    def step():
        student.grad = None
        p = logits.softmax(1)
        order = logits.argsort(dim=1, descending=True)
        z, z_teacher = student.movedim(1, 3), teacher.movedim(1, 3)
        is_labeled = torch.arange(args.images, device=device) < labeled
        is_labeled = is_labeled[:, None, None]
        loss = 0 * student.sum()
        for c in range(args.classes):
            likely = (order[:, :LOW] == c).any(1)
            unlikely = (order[:, LOW:HIGH] == c).any(1)
            negative_l = is_labeled & (labels != c) & likely
            negative_u = ~is_labeled & unreliable & unlikely
            rows = F.normalize(z_teacher[negative_l | negative_u], dim=1)
            queues[c] = torch.cat([queues[c], rows])[-len(queues[c]) :]

            candidates = z[(labels == c) & reliable & (p[:, c] > THRESHOLD)]
            if not len(candidates):
                continue
            drawn = torch.randint(len(candidates), (args.anchors,), device=device)
            anchors = candidates[drawn]
            shape = (args.anchors, args.negatives)
            negatives = queues[c][torch.randint(len(queues[c]), shape, device=device)]
            positive = prototypes[c].expand(args.anchors, 1, -1)
            keys = torch.cat([positive, negatives], 1)
            cosine = torch.cosine_similarity(anchors[:, None], keys, dim=2)
            target = torch.zeros(args.anchors, dtype=torch.long, device=device)
            loss = loss + F.cross_entropy(cosine / TEMPERATURE, target)
        loss = loss / args.classes
        loss.backward()
        return loss.detach(), [len(queue) for queue in queues]

    return step


def our_step(args, inputs):
    """The registered parts, as a segmentor calls them."""
    from mmseg_labelfree.models.layers.memory_bank import PrototypeMemoryBank
    from mmseg_labelfree.models.losses import MemoryBankContrastiveLoss

    student, teacher, logits, labels, reliable, unreliable = inputs
    background = lengths(args)[0]
    bank = PrototypeMemoryBank(args.classes, args.channels, args.length, background)
    bank.queues.normal_()
    bank.queues.div_(bank.queues.norm(dim=1, keepdim=True))
    bank.filled.copy_(bank.capacity)
    bank.prototypes.normal_()
    bank.known[:] = True
    criterion = MemoryBankContrastiveLoss(
        args.anchors, args.negatives, TEMPERATURE, THRESHOLD, LOW, HIGH, loss_weight=1.0
    )
    bank, criterion = bank.to(args.device), criterion.to(args.device)

    def step():
        student.grad = None
        criterion.push_negatives(
            bank, teacher, logits, labels, unreliable, args.images // 2
        )
        loss = criterion(student, logits, labels, reliable, bank)
        loss.backward()
        return loss.detach(), bank.filled.tolist()

    return step


STEPS = dict(literal=literal_step, ours=our_step)


def lengths(args):
    """Rows of each queue; background has more, in the ratio of the paper."""
    return [args.length * 5 // 3] + [args.length] * (args.classes - 1)


def check(literal, ours):
    """Different random draws of the same distribution, and equal queues."""
    torch.testing.assert_close(ours[0], literal[0], rtol=0.02, atol=0)
    if literal[1] != ours[1]:
        sys.exit(f'queues differ: {literal[1]} rows, {ours[1]} rows')


def main() -> int:
    """Print the table; 1 if a ratio exceeds its limit."""
    args = parse_args()
    small = argparse.Namespace(**{**vars(args), 'length': 60})

    def make_steps(names):
        inputs = make_inputs(args, args.size)
        return {name: STEPS[name](args, inputs) for name in names}

    return compare(
        args,
        list(STEPS),
        make_steps,
        lambda name: STEPS[name](small, make_inputs(small, 16)),
        check,
        f'{args.images} x {args.channels} x {args.size} x {args.size} embeddings, '
        f'{args.classes} classes, {args.anchors} anchors, {args.negatives} negatives, '
        f'on {args.device}: push, loss and backward pass',
    )


if __name__ == '__main__':
    sys.exit(main())
