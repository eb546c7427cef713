import math
from multiprocessing import get_context

import pytest
import torch
import torch.distributed as dist
from torch import nn

from mmseg_labelfree.models.losses import WeibullBalanceLoss
from mmseg_labelfree.ops import (
    cluster_frequencies,
    entropy_balance,
    weibull_balance,
)

Process = get_context('fork').Process
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


def run_rank(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    model, images = make_layer(), make_images()
    wrapped = nn.parallel.DistributedDataParallel(model)
    loss = WeibullBalanceLoss()(wrapped(images[rank::2]).softmax(1))
    loss.backward()
    torch.save((loss.detach(), model.weight.grad), f'{folder}/{rank}.pt')
    dist.destroy_process_group()


def make_layer():
    layer = nn.Conv1d(3, 4, 1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    return layer


def make_images():
    return torch.randn(4, 3, 6, generator=torch.Generator().manual_seed(1))


def test_two_processes_see_one_batch(tmp_path):
    processes = [Process(target=run_rank, args=(r, tmp_path)) for r in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    layer = make_layer()
    loss = WeibullBalanceLoss()(layer(make_images()).softmax(1))
    loss.backward()
    for rank in range(2):
        found = torch.load(tmp_path / f'{rank}.pt')
        torch.testing.assert_close(found[0], loss.detach())
        torch.testing.assert_close(found[1], layer.weight.grad)
