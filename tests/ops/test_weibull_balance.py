import math
import os

import pytest
import torch
import torch.multiprocessing as mp

from mmseg_labelfree.models.losses import WeibullBalanceLoss
from mmseg_labelfree.ops import cluster_frequencies, entropy_balance, weibull_balance

P = [0.7, 0.2, 0.1, 0.0]


def density(x, k, scale):
    x = (x + 1e-6) / scale
    return k / scale * x ** (k - 1) * math.exp(-(x**k))


def test_weibull_by_its_formula():
    p = torch.tensor(P, dtype=torch.double)
    paper = sum(density(x, 0.3, 1.0) for x in P)
    assert weibull_balance(p).item() == pytest.approx(paper, rel=1e-9)
    assert weibull_balance(p, 0.5, 2.0).item() == pytest.approx(
        sum(density(x, 0.5, 2.0) for x in P), rel=1e-9
    )
    official = sum(density(x / 0.7, 0.3, 5.0) for x in P) / 4
    found = weibull_balance(p, 0.3, 5.0, 'official').item()
    assert found == pytest.approx(official, rel=1e-9)


def test_entropy_by_its_formula():
    p = torch.tensor(P, dtype=torch.double)
    expected = sum(x * math.log(x + 1e-6) for x in P)
    assert entropy_balance(p).item() == pytest.approx(expected, rel=1e-9)
    uniform = torch.full((5,), 0.2, dtype=torch.double)
    assert entropy_balance(uniform).item() == pytest.approx(-math.log(5), abs=1e-4)


def test_weibull_tolerates_imbalance_and_entropy_does_not():
    """Figure 3: both are worst for an empty cluster; Weibull is flat elsewhere."""
    ratios = (1e-6, 0.05, 1.0)
    pairs = [torch.tensor([1.0, r]) / (1 + r) for r in ratios]
    for balance in (weibull_balance, entropy_balance):
        empty, skewed, equal = (balance(p).item() for p in pairs)
        rise = (skewed - equal) / (empty - equal)
        assert empty > skewed > equal
        assert (rise < 0.02) is (balance is weibull_balance)


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_gradcheck(variant):
    logits = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)).double()

    def total(x):
        p = cluster_frequencies(x.softmax(1))
        return weibull_balance(p, 0.3, 5.0, variant) + entropy_balance(p)

    assert torch.autograd.gradcheck(total, logits.requires_grad_())


def test_an_empty_cluster_has_a_gradient():
    logits = torch.zeros(1, 3, 4)
    logits[:, 2] = -30
    logits.requires_grad_()
    weibull_balance(cluster_frequencies(logits.softmax(1))).backward()
    assert (logits.grad[:, 2] < 0).all()


def test_frequencies_are_float32_means():
    p = torch.rand(3, 4, 2, 5).softmax(1)
    expected = p.permute(1, 0, 2, 3).reshape(4, -1).mean(1)
    torch.testing.assert_close(cluster_frequencies(p), expected)
    assert cluster_frequencies(p.bfloat16()).dtype == torch.float32


def _process(rank, port, folder):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    layer = torch.nn.Conv1d(3, 4, 1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    images = torch.randn(4, 3, 6, generator=generator)
    model = torch.nn.parallel.DistributedDataParallel(layer)
    loss = WeibullBalanceLoss()(model(images[rank::2]).softmax(1))
    loss.backward()
    torch.save((loss.detach(), layer.weight.grad), f'{folder}/{rank}.pt')
    torch.distributed.destroy_process_group()
    if rank == 0:
        layer.zero_grad()
        loss = WeibullBalanceLoss()(layer(images).softmax(1))
        loss.backward()
        torch.save((loss.detach(), layer.weight.grad), f'{folder}/whole.pt')


def test_two_processes_see_one_batch(tmp_path):
    import socket

    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    mp.spawn(_process, (port, str(tmp_path)), nprocs=2)
    whole = torch.load(tmp_path / 'whole.pt')
    for rank in range(2):
        for found, expected in zip(
            torch.load(tmp_path / f'{rank}.pt'), whole, strict=True
        ):
            torch.testing.assert_close(found, expected)
