"""MiB's losses, and plain and symmetric cross-entropy, by strips and as written.

The rows: ``ce`` is the unbiased cross-entropy (eq. 5-6 of MiB), ``kd`` the unbiased
distillation (eq. 7 and 9), ``ce+kd`` both in one pass, ``plain`` MMSegmentation's
cross-entropy, ``sce`` the symmetric cross-entropy (eq. 4 of U2PL+). What is compared
and how, ``against_literal.py`` says.

Example:
    python tools/benchmarks/mib_losses.py --classes 151 --old-classes 101 --threads 2
"""

import argparse
import sys

from benchmark_parsers import literal_parser

LOSSES = ('ce', 'kd', 'ce+kd', 'plain', 'sce')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = literal_parser(__doc__, LOSSES, size=512)
    parser.add_argument('--old-classes', type=int, default=16)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
import torch.nn.functional as F
from against_literal import enlarged, main, random_logits
from mmseg.models.losses import CrossEntropyLoss

from mmseg_labelfree.models import losses
from mmseg_labelfree.models.losses.pixel_losses import pixel_loss
from mmseg_labelfree.ops.pixel_terms import striped_terms

LAMBDA = 10  # factor on the distillation


def make_inputs(args, size, small):
    """Student logits, teacher logits and label."""
    torch.manual_seed(0)
    student = random_logits(args, args.classes, small)
    teacher = random_logits(args, args.old_classes, small)
    # Most pixels background, the rest a new class or ignored.
    label = torch.empty(len(student), size, size, dtype=torch.long, device=args.device)
    label.random_(0, args.classes + 1)
    label[label < args.old_classes] = 0
    label[label == args.classes] = 255
    return student, teacher, label


def literal(name, args, student, teacher, label):
    """The equations on logits enlarged as a whole."""
    x = enlarged(student, label)
    if name == 'plain':
        return CrossEntropyLoss()(x, label, ignore_index=255)
    log_q = F.log_softmax(x, dim=1)
    if name == 'sce':
        return literal_symmetric(log_q, label)
    loss = log_q.new_zeros(())
    if 'ce' in name:
        loss = loss + literal_cross_entropy(log_q, label, args.old_classes)
    if 'kd' in name:
        loss = loss + LAMBDA * literal_distillation(log_q, enlarged(teacher, label))
    return loss


def literal_cross_entropy(log_q, label, old):
    """Eq. 5-6 as written: probabilities of {background or old}, then of the rest."""
    log_background = torch.logsumexp(log_q[:, :old], dim=1, keepdim=True)
    log_p = torch.cat([log_background, log_q[:, 1:]], dim=1)
    return F.nll_loss(log_p, label, ignore_index=255, reduction='none').mean()


def literal_distillation(log_q, teacher):
    """Eq. 7 and 9 as written, averaged over the classes too."""
    old = teacher.shape[1]
    rows = torch.tensor([0, *range(old, log_q.shape[1])], device=log_q.device)
    log_background = torch.logsumexp(log_q[:, rows], dim=1, keepdim=True)
    log_p = torch.cat([log_background, log_q[:, 1:old]], dim=1)
    return -(torch.softmax(teacher, dim=1) * log_p).mean(dim=1).mean()


def literal_symmetric(log_q, label):
    """Eq. 4 of U2PL+ with the reverse term's sum worked out, -A (1 - p_y)."""
    counted = label != 255
    log_p = log_q.gather(1, torch.where(counted, label, 0)[:, None])[:, 0]
    reverse = -torch.log(torch.tensor(1e-4)) * (1 - log_p.exp())
    return torch.where(counted, 0.5 * reverse - log_p, 0).mean()


def strips(name, args, student, teacher, label):
    """The package's losses."""
    if name == 'plain':
        return pixel_loss(CrossEntropyLoss(), student, label)
    if name == 'sce':
        return pixel_loss(losses.SymmetricCrossEntropyLoss(), student, label)
    terms = []
    if 'ce' in name:
        cross_entropy = losses.UnbiasedCrossEntropyLoss(args.old_classes)
        terms.append(cross_entropy.pixel_term(student, label))
    if 'kd' in name:
        distillation = losses.UnbiasedKnowledgeDistillationLoss(loss_weight=LAMBDA)
        terms.append(distillation.pixel_term(teacher, label.numel()))
    return striped_terms(terms, student, label.shape[1:])[0]


if __name__ == '__main__':
    versions = dict(literal=literal, strips=strips)
    sys.exit(main(parse_args(), make_inputs, versions))
