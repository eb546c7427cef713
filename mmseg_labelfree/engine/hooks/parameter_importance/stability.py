"""Stability limit of SGD, which a strong penalty exceeds."""

from collections.abc import Mapping
from typing import Any


def stability_limit(settings: Mapping[str, Any]) -> float:
    r"""Compute the rate times curvature below which SGD converges on a parabola.

    On :math:`\frac{h}{2} \theta^2` SGD with momentum m converges where its rate times
    h is below :math:`2 (1 + m)`, and with Nesterov momentum where it is below
    :math:`2 (1 + m) / (1 + 2 m)`.

    Args:
        settings: Arguments of ``torch.optim.SGD``; 'momentum', 'nesterov' and
            'dampening' are read.

    Example:
        >>> round(stability_limit(dict(momentum=0.9, nesterov=True)), 2)
        1.36
    """
    momentum = settings.get('momentum', 0)
    divisor = 1 - settings.get('dampening', 0)
    if settings.get('nesterov'):
        divisor = 1 + 2 * momentum
    return 2 * (1 + momentum) / divisor


def check_stability(
    weight: float, largest: float, settings: Mapping[str, Any], where: str
) -> None:
    """Raise if SGD diverges on the penalty of the most important parameters.

    Args:
        weight: Factor on the penalty.
        largest: The largest importance there can be.
        settings: As for :func:`stability_limit`, with the highest 'lr' of the training.
        where: What has these settings, for the message.

    Raises:
        ValueError: The penalty's curvature times the rate exceeds the limit.

    Example:
        >>> check_stability(500.0, 1.0, dict(lr=0.001, momentum=0.9), 'step_1')
    """
    rate, limit = settings['lr'], stability_limit(settings)
    product = 2 * weight * rate * largest
    if product < limit:
        return
    # Three digits of it are below the limit, however they are rounded.
    most = 0.995 * limit / (2 * rate * largest)
    raise ValueError(
        f'{where}: the penalty of ParameterImportanceHook makes SGD diverge, as 2 x '
        f'weight {weight:g} x learning rate {rate:g} x importance {largest:g} is '
        f'{product:.3g} and must be below {limit:.2f}: set the weight of the hook to '
        f'{most:.3g} or less, or lower the rate'
    )
