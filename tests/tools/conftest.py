"""What the tests of converters of whole networks share: the authors' numbers."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

FOLDER = Path(__file__).parent / 'network_numbers'


@pytest.fixture(scope='session')
def network_numbers():
    """What the authors' network computes: names and shapes, outputs, training mode."""

    def network_numbers(name):
        return SimpleNamespace(**json.loads((FOLDER / f'{name}.json').read_text()))

    return network_numbers


@pytest.fixture(scope='session')
def formula_state(formula_weight):
    """State dict by formula for names and shapes; counters are 0."""

    def formula_state(shapes):
        return {
            name: formula_weight(name, shape)
            if shape
            else torch.zeros((), dtype=torch.int64)
            for name, shape in shapes.items()
        }

    return formula_state


@pytest.fixture
def double():
    """Modules and converted tensors are float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(scope='session')
def largest_difference():
    """Largest difference of all published statistics, in standard deviations."""

    def largest_difference(found, expected):
        assert list(found.shape) == expected['shape']
        found = found.double().cpu()
        pairs = [
            (found.mean(), expected['mean']),
            (found.std(correction=0), expected['std']),
            (found.abs().mean(), expected['sum_abs'] / found.numel()),
            (found.min(), expected['min']),
            (found.max(), expected['max']),
            *zip(found.flatten(), expected['first'], strict=False),
            *((found[tuple(place)], value) for place, value in expected['at']),
        ]
        return (
            max(abs(float(ours) - theirs) for ours, theirs in pairs) / expected['std']
        )

    return largest_difference


@pytest.fixture(scope='session')
def assert_training_mode():
    """Compare logits and running means in training mode with the authors'."""

    def assert_training_mode(logits, state, expected):
        means = expected['running_mean_first4_after']
        pairs = [
            (logits.mean(), expected['logits_mean']),
            (logits.std(correction=0), expected['logits_std']),
            (logits.flatten()[:8], expected['logits_first']),
            *((state[name][:4], value) for name, value in means.items()),
        ]
        for found, value in pairs:
            atol = 1e-7 * expected['logits_std']
            torch.testing.assert_close(found, torch.tensor(value), rtol=0, atol=atol)

    return assert_training_mode
