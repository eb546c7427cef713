import pytest
from mmseg.registry import MODELS

from mmseg_labelfree.utils.checkpoint_fit import check_fit

CLASSES = ('background', 'square', 'bar', 'dot', 'frame')


@pytest.fixture
def model(tiny):
    return MODELS.build(tiny.model)


def saved(model, classes=CLASSES, **weights):
    return dict(
        state_dict={**model.state_dict(), **weights},
        meta=dict(dataset_meta=dict(classes=classes)),
    )


def refusal(model, checkpoint, classes=CLASSES):
    with pytest.raises(ValueError, match='a.pth does not fit the model: ') as error:
        check_fit(model, classes, checkpoint, 'a.pth')
    assert '\n' not in str(error.value)
    return str(error.value)


def test_what_fits(model):
    check_fit(model, CLASSES, saved(model), 'a.pth')
    check_fit(model, list(CLASSES), saved(model), 'a.pth')
    check_fit(model, CLASSES, model.state_dict(), 'a.pth')  # which names no classes
    spread = {f'module.{k}': v for k, v in model.state_dict().items()}
    check_fit(model, CLASSES, dict(state_dict=spread), 'a.pth')
    old = dict(state_dict=model.state_dict(), meta=dict(CLASSES=CLASSES))
    check_fit(model, CLASSES, old, 'a.pth')


def test_modules_that_only_train_may_be_missing_or_more(model, tiny):
    tiny.model.auxiliary_head = dict(tiny.model.decode_head, in_channels=16, in_index=2)
    more = MODELS.build(tiny.model)
    check_fit(model, CLASSES, saved(more), 'a.pth')
    check_fit(more, CLASSES, saved(model), 'a.pth')


def test_another_number_of_classes(model, tiny):
    tiny.model.decode_head.num_classes = 3
    text = refusal(model, saved(MODELS.build(tiny.model), CLASSES[:3]))
    assert 'decode_head.conv_seg.bias is 3 there and 5 here (2 tensors of' in text
    assert 'for 3 classes and 5 are tested: class 3 is none there and dot' in text


def test_the_same_classes_in_another_order(model):
    other = ('background', 'bar', 'square', 'dot', 'frame')
    text = refusal(model, saved(model, other))
    assert 'class 1 is bar there and square here' in text


def test_a_deeper_backbone(model, tiny):
    """Which has all weights of the shallower one."""
    tiny.model.backbone.depth = 34
    deeper = MODELS.build(tiny.model)
    assert 'is unknown here (' in refusal(model, saved(deeper))
    assert 'it lacks backbone.layer' in refusal(deeper, saved(model))


def test_clusters_have_no_class_yet(model):
    named = (*CLASSES[:3], *(f'cluster_{k}' for k in range(4)))
    check_fit(model, CLASSES, saved(model, named), 'a.pth')
    described = saved(model, ('dot', 'cluster_1', 'bar', 'square', 'cluster_4'))
    described['meta']['data_meta'] = dict(classes=CLASSES)
    check_fit(model, CLASSES, described, 'a.pth')
    wrong = CLASSES[::-1]
    assert 'class 0 is background there' in refusal(model, saved(model, named), wrong)


def test_no_weights(model):
    with pytest.raises(ValueError, match='a.pth holds no weights'):
        check_fit(model, CLASSES, dict(epoch=3), 'a.pth')
