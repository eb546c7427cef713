import torch
import torch.distributed as dist
from torch import nn

from mmseg_labelfree.ops.cluster_frequencies import cluster_frequencies
from mmseg_labelfree.ops.weibull_balance import weibull_balance


def test_are_float32_means():
    p = torch.rand(3, 4, 2, 5).softmax(1)
    expected = p.permute(1, 0, 2, 3).reshape(4, -1).mean(1)
    torch.testing.assert_close(cluster_frequencies(p), expected)
    assert cluster_frequencies(p.bfloat16()).dtype == torch.float32


def balance(model, images):
    """A loss that is not linear in the frequencies of the batch."""
    return weibull_balance(cluster_frequencies(model(images).softmax(1)))


def loss_and_gradient():
    """Those of a wrapped layer, on every second image."""
    model, images = make_layer(), make_images()
    wrapped = nn.parallel.DistributedDataParallel(model)
    loss = balance(wrapped, images[dist.get_rank() :: 2])
    loss.backward()
    return loss.detach(), model.weight.grad


def make_layer():
    layer = nn.Conv1d(3, 4, 1)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    return layer


def make_images():
    return torch.randn(4, 3, 6, generator=torch.Generator().manual_seed(1))


def test_two_processes_see_one_batch(in_two_processes):
    layer = make_layer()
    loss = balance(layer, make_images())
    loss.backward()
    for found in in_two_processes(loss_and_gradient):
        torch.testing.assert_close(found[0], loss.detach())
        torch.testing.assert_close(found[1], layer.weight.grad)
