import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.models.decode_heads import ImageLabelHead


def test_the_authors_numbers(wave):
    head = ImageLabelHead(5, 3).double()
    with torch.no_grad():
        head.classifier.weight.copy_(wave(3, 5, 1, 1, phase=0.7, scale=1.0))
    logits = head([wave(2, 5, 2, 3, phase=0.4)])
    expected = [
        *(7.7701171551, 7.2138084366, 2.4000598741),
        *(6.1622755769, 8.5471148079, 6.1156926832),
    ]
    assert logits.flatten().tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize('pooling', ['max', 'mean'])
def test_pooling_maps_and_loss(pooling):
    torch.manual_seed(0)
    head = ImageLabelHead(4, 3, in_index=1, pooling=pooling)
    features = [torch.zeros(2, 9, 8, 8), torch.randn(2, 4, 5, 6)]
    maps = head.activations(features)
    assert maps.shape == (2, 3, 5, 6)
    if pooling == 'mean':  # a linear classifier of the mean is the mean of its maps
        torch.testing.assert_close(head(features), maps.mean((2, 3)))
    else:
        pooled = F.adaptive_max_pool2d(features[1], 1)
        torch.testing.assert_close(head(features), head.classifier(pooled)[..., 0, 0])
    labels = torch.tensor([[True, False, True], [False, True, False]])
    (name, loss), *others = head.loss(features, labels).items()
    assert name == 'loss_image_labels' and not others
    torch.testing.assert_close(
        loss, F.binary_cross_entropy_with_logits(head(features), labels.float())
    )


def test_unknown_pooling():
    with pytest.raises(ValueError, match="pooling='sum' is unknown"):
        ImageLabelHead(4, 3, pooling='sum')
