r"""Importance of parameters for what was learned before: EWC, PI and RW.

The prior-focused baselines of Modeling the Background (MiB, section 6.2.1,
https://arxiv.org/abs/2201.13338) add :math:`\lambda \sum_i \Omega_i (\theta_i -
\theta_i^*)^2` to the loss of a step, with :math:`\theta^*` the parameters after the
previous step. They differ in the importance :math:`\Omega`:

- EWC (https://arxiv.org/abs/1612.00796): the diagonal of the Fisher matrix;
- PI, path integral (https://arxiv.org/abs/1703.04200): how much each parameter
  contributed to the decrease of the loss, per squared distance travelled;
- RW, Riemannian walk (https://arxiv.org/abs/1801.10112): the Fisher matrix plus a
  path integral per distance in the Fisher metric.

The functions take lists of tensors, one tensor per parameter and in the same order;
those whose name ends in ``_`` change their first argument in place. They go through
torch's foreach operations: on a GPU a few kernels for the whole model instead of a few
per parameter.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from . import foreach

Tensors = list[Tensor]


def update_fisher_(fisher: Tensors, grads: Tensors, alpha: float = 0.9) -> None:
    r"""Update the Fisher diagonal: :math:`F \leftarrow \alpha g^2 + (1 - \alpha) F`.

    Args:
        fisher: Running estimate, changed in place. MiB's code starts it at one.
        grads: Gradients g of the task loss (mean over the batch).
        alpha: Weight of the new gradient, 0.9 in MiB's code: the estimate then
            looks back only a few updates.

    Example:
        >>> fisher = [torch.ones(1)]
        >>> update_fisher_(fisher, [torch.tensor([2.0])], alpha=0.9)
        >>> fisher
        [tensor([3.7000])]
    """
    for f, g in _groups(fisher, grads):
        foreach.mul_(f, 1 - alpha)
        foreach.addcmul_(f, g, g, value=alpha)


def accumulate_path_(
    path: Tensors, grads: Tensors, before: Tensors, after: Tensors
) -> None:
    r"""Add to the path integral of the loss: :math:`w \leftarrow w - g\,\Delta\theta`.

    Summed over a training, w is each parameter's share in the decrease of the loss.

    Args:
        path: The integral w so far, changed in place.
        grads: Gradients g of the task loss before an update.
        before: The parameters before the update, ...
        after: ... and after it; their difference is :math:`\Delta\theta`.

    Example:
        >>> path, grad = [torch.zeros(1)], [torch.tensor([2.0])]
        >>> accumulate_path_(path, grad, [torch.tensor([1.0])], [torch.tensor([0.5])])
        >>> path
        [tensor([1.])]
    """
    for w, g, old, new in _groups(path, grads, before, after):
        foreach.addcmul_(w, g, foreach.sub(old, new))


def path_integral_score(path: Tensors, distance: Tensors, eps: float = 1e-7) -> Tensors:
    r"""Compute the score of PI: :math:`\max(0, w / (d^2 + \epsilon))`.

    Args:
        path: Path integral w of a training step.
        distance: How far the parameters moved in it, :math:`d = \theta -
            \theta_{start}`.
        eps: Keeps the score of parameters that did not move finite; in squared
            units of the parameters.

    Example:
        >>> path_integral_score([torch.tensor([1.0])], [torch.tensor([0.5])])
        [tensor([4.0000])]
    """
    score: Tensors = []
    for w, d in _groups(path, distance):
        scale = foreach.mul(d, d)
        score += _ratio(w, scale, eps)
    foreach.clamp_min_(score, 0.0)
    return score


def riemannian_score(
    path: Tensors,
    distance: Tensors,
    fisher: Tensors,
    eps: float = 1e-7,
    signed: bool = False,
) -> Tensors:
    r"""Compute the score of RW: :math:`\max(0, w / (\frac{1}{2} F d^2 + \epsilon))`.

    Args:
        path: Path integral w of a few updates.
        distance: How far the parameters moved in them, d.
        fisher: The Fisher diagonal F.
        eps: Keeps the score of parameters that did not move finite; in units of the
            loss.
        signed: Leave out the maximum with 0, as MiB's code does until the training
            has ended.

    Example:
        >>> path, distance = [torch.tensor([1.0])], [torch.tensor([0.5])]
        >>> riemannian_score(path, distance, [torch.tensor([4.0])])
        [tensor([2.0000])]
    """
    score: Tensors = []
    for w, d, f in _groups(path, distance, fisher):
        scale = foreach.mul(d, d)
        foreach.mul_(scale, f)
        foreach.mul_(scale, 0.5)
        score += _ratio(w, scale, eps)
    if not signed:
        foreach.clamp_min_(score, 0.0)
    return score


def normalize_importance(importance: Tensor, eps: float = 0.0) -> Tensor:
    """Scale one parameter's importance to 0..1 (min-max over the tensor).

    A tensor in which all values are equal, so any of one element, becomes zero.

    Args:
        importance: Importance of each element, of any shape.
        eps: Added to the range that is divided by, 1e-8 in MiB's code: a parameter
            whose values all lie within a much smaller range stays near 0.

    Example:
        >>> normalize_importance(torch.tensor([2.0, 6.0, 3.0]))
        tensor([0.0000, 1.0000, 0.2500])
    """
    low, high = importance.min(), importance.max()
    span = high - low + eps
    return (importance - low) / torch.where(span > 0, span, 1)


def quadratic_penalty(
    params: Tensors, reference: Tensors, importance: Tensors
) -> Tensor:
    r"""Compute :math:`\sum_i \Omega_i (\theta_i - \theta_i^*)^2`, a scalar.

    Args:
        params: Parameters.
        reference: Their values after the previous step, of the same shapes.
        importance: Their importance, of the same shapes, not negative.

    Example:
        >>> new, old = [torch.tensor([3.0])], [torch.tensor([1.0])]
        >>> quadratic_penalty(new, old, [torch.tensor([0.5])])
        tensor(2.)
    """
    terms = [
        (omega * (p - r).square()).sum()
        for p, r, omega in zip(params, reference, importance, strict=True)
    ]
    return torch.stack(terms).sum()


def add_penalty_gradient_(
    grads: Tensors,
    params: Tensors,
    reference: Tensors,
    importance: Tensors,
    weight: float,
) -> None:
    """Add ``weight`` times the gradient of :func:`quadratic_penalty` to ``grads``.

    Example:
        >>> grads, new, old = ([torch.tensor([x])] for x in (0.0, 3.0, 1.0))
        >>> add_penalty_gradient_(grads, new, old, [torch.tensor([0.5])], weight=10.0)
        >>> grads
        [tensor([20.])]
    """
    for g, p, r, omega in _groups(grads, params, reference, importance):
        distance = foreach.sub(p, r)
        foreach.addcmul_(g, distance, omega, value=2 * weight)


def _groups(*lists: Tensors) -> Iterator[Sequence[Tensors]]:
    """The whole lists on a GPU; on a CPU one parameter at a time.

    The latter stays in the cache from one operation to the next, a third faster.
    """
    if lists[0] and lists[0][0].device.type != 'cpu':
        yield lists
    else:
        for tensors in zip(*lists, strict=True):
            yield [[t] for t in tensors]


def _ratio(
    numerator: Tensors, denominator: tuple[Tensor, ...], eps: float
) -> tuple[Tensor, ...]:
    """Ratio numerator / (denominator + eps); overwrites the denominator."""
    foreach.add_(denominator, eps)
    return foreach.div(numerator, denominator)
