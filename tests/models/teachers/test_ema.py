import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmseg_labelfree.models.teachers.ema import (
    WeightAverage,
    copy_student,
    ramped_momentum,
)

from ...reference_inputs import wave


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2).double()
        self.head.weight.requires_grad_(False)
        self.register_buffer('bank', torch.zeros(5), persistent=False)


def shake(net, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in (*net.parameters(), *net.buffers()):
            if values.is_floating_point():
                values += torch.randn(values.shape, generator=generator)
            else:
                values += 1


@pytest.mark.parametrize('buffers', ['copy', 'ema', 'own'])
@pytest.mark.parametrize('ramp', [True, False])
def test_averages_by_a_slow_loop(buffers, ramp):
    student = Net()
    teacher = copy_student(student)
    average = WeightAverage(student, teacher, buffers)
    expected = {k: v.double().clone() for k, v in teacher.state_dict().items()}
    for update in range(30):
        shake(student, update)
        momentum = ramped_momentum(update, 0.9, ramp)
        if ramp:
            assert momentum == min(1 - 1 / (update + 1), 0.9)
        average.update(momentum)
        for name, value in student.state_dict().items():
            m = momentum
            if name.split('.')[-1] in ('running_mean', 'running_var'):
                m = {'copy': 0.0, 'ema': momentum, 'own': 1.0}[buffers]
            elif name.endswith('num_batches_tracked'):
                m = 1.0 if buffers == 'own' else 0.0
            expected[name] = m * expected[name] + (1 - m) * value.double()
        for name, value in teacher.state_dict().items():
            torch.testing.assert_close(
                value.double(), expected[name], rtol=1e-5, atol=1e-5
            )
        if update == 0 and ramp:  # a copy, to the last bit
            for one, other in zip(
                teacher.parameters(), student.parameters(), strict=True
            ):
                assert torch.equal(one, other)
    assert (teacher.bank == 0).all()


@pytest.mark.parametrize('buffers', ['copy', 'ema', 'own'])
@pytest.mark.parametrize('ramp', [True, False])
def test_steps_that_the_device_skips(buffers, ramp):
    """Tensors for the momentum and the skipped steps give what numbers give."""
    student = Net()
    teacher, expected = copy_student(student), copy_student(student)
    average, reference = (
        WeightAverage(student, each, buffers) for each in (teacher, expected)
    )
    updates = torch.tensor(0)
    for step in range(30):
        shake(student, step)
        skip = torch.tensor(step in (0, 4, 5, 20))
        before = copy.deepcopy(teacher.state_dict())
        average.update(ramped_momentum(updates, 0.9, ramp), skip)
        if skip:
            torch.testing.assert_close(teacher.state_dict(), before, rtol=0, atol=0)
            continue
        reference.update(ramped_momentum(int(updates), 0.9, ramp))
        updates += 1
        found, wanted = teacher.state_dict(), expected.state_dict()
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    assert updates == 26


def test_authors_numbers_of_unimatch_v2():
    """LiheYoung/UniMatch-V2; its counters are rounded down, here they are copied."""
    student = nn.BatchNorm1d(3, affine=False).double()
    student.weight = nn.Parameter(wave(2, 3, phase=0.5, scale=1))
    student.running_mean = wave(3, phase=0.5, scale=1)
    teacher = copy_student(student)
    average = WeightAverage(student, teacher, 'ema')
    for k in range(4):
        with torch.no_grad():
            student.weight.copy_(wave(2, 3, phase=0.2 * k, scale=1))
            student.running_mean.copy_(wave(3, phase=0.7 + 0.2 * k, scale=1))
            student.num_batches_tracked.fill_(10 * (k + 1))
        average.update(ramped_momentum(k, 0.996))
    weight = [0.2881825366, 0.9708465335, -0.0179492844]
    weight += [0.8385122555, 0.6586916508, -0.6671412434]
    mean = [0.8205775356, 0.9620531562, 0.5519037224]
    for found, want in ((teacher.weight, weight), (teacher.running_mean, mean)):
        want = torch.tensor(want, dtype=torch.float64)
        torch.testing.assert_close(found.flatten(), want, rtol=0, atol=1e-9)
    assert teacher.num_batches_tracked == 40


@settings(deadline=None)
@given(st.integers(0, 300), st.floats(0, 1))
def test_ramp_is_the_mean_of_all_students_first(updates, momentum):
    value = 0.0
    for update in range(updates):
        m = ramped_momentum(update, 1.0)
        value = m * value + (1 - m) * update
    if updates:
        assert value == pytest.approx((updates - 1) / 2)
    assert ramped_momentum(updates, momentum) <= momentum
    assert ramped_momentum(updates, momentum, ramp=False) == momentum


def test_matching_is_by_name():
    class Swapped(Net):
        def __init__(self):
            super().__init__()
            self.conv = self._modules.pop('conv')  # registered last

    student, teacher = Net(), Swapped()
    assert [n for n, _ in student.named_parameters()] != [
        n for n, _ in teacher.named_parameters()
    ]
    WeightAverage(student, teacher).update(0.0)
    for name, value in student.state_dict().items():
        assert torch.equal(teacher.state_dict()[name], value)


@pytest.mark.parametrize('buffers', ['copy', 'ema'])
def test_buffers_that_a_module_replaces(buffers):
    student = nn.Module()
    student.register_buffer('bases', torch.zeros(2))
    teacher = copy.deepcopy(student)
    average = WeightAverage(student, teacher, buffers)
    student.bases = torch.ones(2)  # as mmseg's EMAHead does in each iteration
    average.update(0.75)
    assert teacher.bases.tolist() == [1 if buffers == 'copy' else 0.25] * 2


def test_what_does_not_fit():
    student = Net()
    with pytest.raises(ValueError, match="buffers='mean' is unknown"):
        WeightAverage(student, copy.deepcopy(student), 'mean')
    other = copy.deepcopy(student)
    other.conv = nn.Conv2d(3, 5, 1)
    with pytest.raises(ValueError, match=r'conv.weight \(5, 3, 1, 1\)'):
        WeightAverage(student, other)
    other = copy.deepcopy(student)
    other.extra = nn.Linear(1, 1)
    with pytest.raises(ValueError, match='extra.weight'):
        WeightAverage(student, other)


def test_copy_leaves_parts_out():
    student = Net()
    student.__dict__['_teacher'] = nn.Linear(1, 1)
    teacher = copy_student(student, without=('bank', 'head'))
    assert teacher.bank is None and teacher.head is None
    assert '_teacher' not in teacher.__dict__ and '_teacher' in student.__dict__
    assert student.bank is not None and student.head is not None
    average = WeightAverage(student, teacher, 'ema')
    shake(student, 0)
    average.update(0.5)
    assert not torch.equal(teacher.conv.weight, student.conv.weight)
    shake(teacher.conv, 1)
    assert teacher.conv.weight.data_ptr() != student.conv.weight.data_ptr()
