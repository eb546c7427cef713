import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample


def batch(*labels):
    samples = []
    for index, values in enumerate(labels):
        data = PixelData(data=torch.tensor([[values]]))
        samples.append(SegDataSample(gt_sem_seg=data))
        samples[-1].set_metainfo(dict(seg_map_path=f'mask_{index}.png'))
    return dict(data_samples=samples)


def test_a_leak_is_named_with_its_image():
    hook = HOOKS.build(
        dict(type='UnseenLabelCheckHook', classes=['cat', 'dog', 'cow'], unseen=['dog'])
    )
    hook.before_train_iter(None, 0, batch([0, 2, 254], [255, 0, 0]))
    with pytest.raises(ValueError) as error:
        hook.before_train_iter(None, 0, batch([0, 2, 254], [255, 1, 0]))
    assert str(error.value).startswith(
        'unseen class dog occurs as a training label in mask_1.png: wrap the dataset'
    )
