import pytest
from mmengine.config import Config

from mmseg_labelfree.engine.protocols import config_edit


@pytest.fixture
def stage():
    head = dict(type='Head', num_classes=3, loss=[dict(type='Loss', num_old_classes=1)])
    return Config(
        dict(
            model=dict(
                type='Model',
                backbone=dict(
                    type='Net', init_cfg=dict(type='Pretrained', checkpoint='a.pth')
                ),
                decode_head=head,
                auxiliary_head=[head, dict(type='Head', init_cfg=dict(type='Normal'))],
                bank=dict(type='Bank', num_classes=3),
            ),
            load_from='b.pth',
            loader=dict(
                dataset=dict(
                    type='Mixed',
                    datasets=[dict(type='Wrapped', sizes=(1, 2)), dict(type='Bare')],
                )
            ),
        )
    )


def test_nodes_outermost_first(stage):
    types = [n['type'] for n in config_edit.find_nodes(stage.loader) if 'type' in n]
    assert types == ['Mixed', 'Wrapped', 'Bare']
    (node,) = config_edit.find_nodes(stage, 'Wrapped')
    node['found'] = True
    assert stage.loader.dataset.datasets[0].found
    assert list(config_edit.find_nodes([None, 'Wrapped', 3])) == []


def test_arguments_are_set_in_place_of_old_ones(stage):
    assert config_edit.set_arguments(stage, 'Loss', weights=dict(a=1))
    assert config_edit.set_arguments(stage, 'Loss', weights=dict(b=2))
    for head in (stage.model.decode_head, stage.model.auxiliary_head[0]):
        assert head.loss[0].weights == dict(b=2)
    assert not config_edit.set_arguments(stage, 'Nothing', weights=1)
    config_edit.set_dataset_arguments(stage, 'Wrapped', step=2)
    assert stage.loader.dataset.datasets[0].step == 2
    with pytest.raises(ValueError, match="datasets wrapped in dict.type='Folded', dat"):
        config_edit.set_dataset_arguments(stage, 'Folded', step=2)


def test_class_counts_of_heads_alone(stage):
    config_edit.set_class_counts(stage.model, 5)
    heads = [stage.model.decode_head, stage.model.auxiliary_head[0]]
    assert [h.num_classes for h in heads] == [5, 5]
    assert [h.loss[0].num_old_classes for h in heads] == [1, 1]
    assert 'num_classes' not in stage.model.auxiliary_head[1]
    assert stage.model.bank.num_classes == 3
    config_edit.set_class_counts(stage.model, 6, num_old_classes=4)
    assert [h.loss[0].num_old_classes for h in heads] == [4, 4]


def test_start_from_an_earlier_stage(stage):
    config_edit.start_from(stage, 'work/step_0', init='random')
    config_edit.add_hook(stage, type='Another', number=1)
    assert stage.load_from is None and stage.model.pretrained is None
    assert stage.model.backbone.init_cfg is None
    assert stage.model.auxiliary_head[1].init_cfg == dict(type='Normal')
    assert stage.custom_hooks == [
        dict(
            type='IncrementalClassifierInitHook',
            checkpoint='work/step_0',
            init='random',
        ),
        dict(type='Another', number=1),
    ]
