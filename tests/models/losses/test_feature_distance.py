import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


@pytest.fixture
def config(tiny, tmp_path):
    """A stock config, with the weights of its backbone in a file."""
    cfg = copy.deepcopy(tiny.model)
    torch.manual_seed(1)
    path = tmp_path / 'backbone.pth'
    torch.save(MODELS.build(cfg.backbone).state_dict(), path)
    cfg.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    cfg.type = 'FeatureDistanceEncoderDecoder'
    cfg.feature_distance = dict(
        type='FeatureDistance', classes=[1, 3], min_ratio=0.5, loss_weight=0.1
    )
    return cfg


def build(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def batch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (2, 1, 24, 24), generator=generator)
    labels[0, 0, :12] = 3
    data = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    return torch.randn(2, 3, 24, 24, generator=generator), data


def test_one_line_in_a_stock_config(config):
    """Beside the losses of the stock segmentor, and in the same checkpoint."""
    model = build(config)
    stock = copy.deepcopy(config)
    stock.pop('feature_distance')
    stock.type = 'EncoderDecoder'
    stock = build(stock)
    assert model.state_dict().keys() == stock.state_dict().keys()
    images, data = batch()
    losses, expected = model.loss(images, data), stock.loss(images, data)
    distance = losses.pop('features.loss_feature_distance')
    assert distance == 0  # nothing has moved
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    with torch.no_grad():
        for p in model.backbone.parameters():
            p += 0.1
    features = model.extract_feat(images)[-1]
    frozen = stock.extract_feat(images)[-1]
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in data])
    total, num = 0, 0
    step = 24 // features.shape[2]
    for n in range(2):
        for y in range(features.shape[2]):
            for x in range(features.shape[3]):
                window = labels[n, y * step : (y + 1) * step, x * step : (x + 1) * step]
                values = window.flatten().tolist()
                best = max(sorted(set(values)), key=values.count)
                if best in (1, 3) and values.count(best) >= 0.5 * step * step:
                    total += (features[n, :, y, x] - frozen[n, :, y, x]).norm()
                    num += 1
    assert num > 3
    distance = model.loss(images, data)['features.loss_feature_distance']
    torch.testing.assert_close(distance, 0.1 * total / num)


def test_every_position_without_classes(config):
    config.feature_distance.classes = None
    model = build(config)
    with torch.no_grad():
        for p in model.backbone.parameters():
            p += 0.1
    images, data = batch()
    features = model.extract_feat(images)[-1]
    frozen = model.feature_distance.frozen_features(images)
    expected = 0.1 * (features - frozen).norm(dim=1).mean()
    distance = model.loss(images, data)['features.loss_feature_distance']
    torch.testing.assert_close(distance, expected)
    assert not frozen.requires_grad


def test_no_weights_no_distance(config):
    config.backbone.pop('init_cfg')
    with pytest.raises(
        ValueError, match='needs the ImageNet weights.*init_cfg'
    ) as error:
        build(config)
    assert '\n' not in str(error.value)
    model = MODELS.build(config)
    with pytest.raises(AttributeError, match='has no frozen encoder yet'):
        model.loss(*batch())


def test_weights_of_another_network(config, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'layer1.0.conv1.weight': torch.zeros(3)}, path)
    config.backbone.init_cfg.checkpoint = str(path)
    with pytest.raises(ValueError, match='other.pth: not the weights of this ResNet'):
        build(config)


def test_classes_that_do_not_exist(config):
    config.feature_distance.classes = [1, 5]
    with pytest.raises(
        ValueError, match='has 5, but the model has the 5 classes 0 to 4'
    ):
        build(config)
    config.feature_distance.update(classes=[1], min_ratio=75)
    with pytest.raises(ValueError, match='min_ratio=75 is not in 0 to 1'):
        build(config)


def test_a_neck_is_refused(config):
    config.neck = dict(
        type='FPN', in_channels=[4, 8, 16, 32], out_channels=32, num_outs=4
    )
    with pytest.raises(ValueError, match='but a neck changes them: take model.neck'):
        build(config)
