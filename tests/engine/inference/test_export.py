import pytest
import torch
from mmseg.structures import SegDataSample

from mmseg_labelfree.engine.inference.export import (
    ExportedSegmentor,
    export_onnx,
    export_torchscript,
    largest_difference,
)

CLASSES = ['background', 'square', 'bar', 'dot', 'frame']
COLORS = [[0, 0, 0]] * 5


@pytest.mark.parametrize(
    'system', ['tiny', 'incremental', 'semi', 'novel', 'strict', 'iddc']
)
def test_torchscript_gives_the_scores_of_the_model(
    system, last_stage, tmp_path, save_run
):
    cfg = last_stage(system)
    if system == 'semi':
        cfg.model.test_cfg = dict(mode='slide', crop_size=(24, 24), stride=(12, 12))
    if system == 'iddc':
        cfg.model.test_cfg = dict(mode='whole', flip=True)
    model = save_run(cfg, tmp_path / 'run', CLASSES, COLORS)
    module = ExportedSegmentor(model, (32, 40)).eval()
    exported = export_torchscript(module, tmp_path / 'model.pt')
    difference, changed = largest_difference(module, exported)
    assert difference < 1e-5 and changed < 0.01


def test_it_is_what_the_test_predicts(tiny, tmp_path, save_run):
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    image = torch.randint(0, 256, (3, 32, 40), dtype=torch.uint8)  # BGR, as loaded
    meta = dict(ori_shape=(32, 40), img_shape=(32, 40), pad_shape=(32, 40))
    data = dict(inputs=[image], data_samples=[SegDataSample(metainfo=meta)])
    expected = model.test_step(data)[0].seg_logits.data
    module = ExportedSegmentor(model, (32, 40)).eval()
    with torch.no_grad():
        found = module(image.flip(0)[None].float())[0]
    torch.testing.assert_close(found, expected)


def test_a_model_with_one_output(tiny, tmp_path, save_run):
    """MMSegmentation takes a sigmoid above 0.3 for class 1, not a positive score."""
    tiny.model.decode_head.update(num_classes=2, out_channels=1)
    tiny.model.pop('auxiliary_head', None)
    model = save_run(tiny, tmp_path / 'run', CLASSES[:2], COLORS[:2])
    module = ExportedSegmentor(model, (32, 40)).eval()
    image = torch.randint(0, 256, (3, 32, 40), dtype=torch.uint8)
    meta = dict(ori_shape=(32, 40), img_shape=(32, 40), pad_shape=(32, 40))
    data = dict(inputs=[image], data_samples=[SegDataSample(metainfo=meta)])
    with torch.no_grad():
        model.decode_head.conv_seg.bias -= 0.5
        scores = module(image.flip(0)[None].float())
    expected = model.test_step(data)[0].pred_sem_seg.data
    assert ((scores < 0) & (expected == 1)).any()
    torch.testing.assert_close(module.classes(scores), expected.long())
    _, changed = largest_difference(module, lambda images: module(images) + 1e3)
    assert changed > 0.9


def test_a_size_that_would_be_padded(tiny, tmp_path, save_run):
    tiny.model.data_preprocessor.test_cfg.size_divisor = 16
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    with pytest.raises(ValueError, match='size 32 x 40 must be multiples of 16'):
        ExportedSegmentor(model, (32, 40))


def test_onnx_gives_the_scores_of_the_model(tiny, tmp_path, save_run):
    pytest.importorskip('onnxruntime', reason='the extra export is not installed')
    model = save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    module = ExportedSegmentor(model, (32, 40)).eval()
    exported = export_onnx(module, tmp_path / 'model.onnx')
    difference, changed = largest_difference(module, exported)
    assert difference < 1e-4 and changed < 0.01
