"""Time and peak memory of MiB's losses against the same equations written out.

``literal`` follows eq. 5, 6, 7 and 9 step by step in differentiable tensor
operations; ``fused`` is what the package trains with. Each row is one forward and
backward pass over the same logits (21 classes, 16 of them old, 4 images).

How time and memory are measured, ``fused_against_literal.py`` says.

Example:
    python tools/benchmarks/mib_losses.py --size 512 --max-ratio 0.5
"""

import sys

from fused_against_literal import Comparison, main

BATCH, CLASSES, OLD_CLASSES = 4, 21, 16


def make_inputs(size, args):
    """Student logits (a leaf), teacher logits and label, without large temporaries."""
    import torch

    torch.manual_seed(0)
    options = dict(device=args.device, dtype=getattr(torch, args.dtype))
    student = torch.empty(BATCH, CLASSES, size, size, **options).normal_()
    teacher = torch.empty(BATCH, OLD_CLASSES, size, size, **options).normal_()
    # About 3 in 4 pixels background, 1 in 5 a new class, the rest ignored.
    label = torch.empty(BATCH, size, size, dtype=torch.long, device=args.device)
    label.random_(0, CLASSES + 1)
    label[label < OLD_CLASSES] = 0
    label[label == CLASSES] = 255
    return student.requires_grad_(), teacher, label


def literal_cross_entropy(student, label):
    """Eq. 5-6 as written: probabilities of {background or old}, then of the rest."""
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(student.float(), dim=1)
    log_background = torch.logsumexp(log_q[:, :OLD_CLASSES], dim=1, keepdim=True)
    log_p = torch.cat([log_background, log_q[:, 1:]], dim=1)
    return F.nll_loss(log_p, label, ignore_index=255, reduction='none').mean()


def literal_distillation(student, teacher):
    """Eq. 7 and 9 as written, averaged over the classes too."""
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(student.float(), dim=1)
    rows = torch.tensor([0, *range(OLD_CLASSES, CLASSES)], device=student.device)
    log_background = torch.logsumexp(log_q[:, rows], dim=1, keepdim=True)
    log_p = torch.cat([log_background, log_q[:, 1:OLD_CLASSES]], dim=1)
    target = torch.softmax(teacher.float(), dim=1)
    return -(target * log_p).mean(dim=1).mean()


def make_pass(version, name, student, teacher, label):
    """A function that runs one forward and backward pass and returns the loss."""
    if version == 'fused':
        from mmseg_labelfree import ops

        def cross_entropy():
            return ops.unbiased_cross_entropy(student, label, OLD_CLASSES).mean()

        def distillation():
            return ops.unbiased_knowledge_distillation(student, teacher).mean()

    else:

        def cross_entropy():
            return literal_cross_entropy(student, label)

        def distillation():
            return literal_distillation(student, teacher)

    def run():
        student.grad = None
        if name == 'ce':
            loss = cross_entropy()
        elif name == 'kd':
            loss = distillation()
        else:
            loss = cross_entropy() + 10 * distillation()
        loss.backward()
        return loss.detach()

    return run


if __name__ == '__main__':
    comparison = Comparison(
        losses=('ce', 'kd', 'ce+kd'),
        make_inputs=make_inputs,
        make_pass=make_pass,
        title=f'{BATCH} images, {CLASSES} classes, {OLD_CLASSES} of them old',
        size=512,
        tiny=8,
    )
    sys.exit(main(comparison, __doc__))
