from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from PIL import Image

from mmseg_labelfree.engine.hooks import PseudoLabelPanelHook, pseudo_label_panel_hook


@pytest.fixture
def sheets(monkeypatch):
    """What the hook hands to the drawing, which still draws."""
    seen = []
    draw = pseudo_label_panel_hook.write_panels

    def record(path, columns, **kwargs):
        seen.append((Path(path), columns, kwargs))
        draw(path, columns, **kwargs)

    monkeypatch.setattr(pseudo_label_panel_hook, 'write_panels', record)
    return seen


@pytest.mark.parametrize('loop', ['ValLoop', 'TeacherStudentValLoop'])
def test_a_sheet_for_each_validation(semi, sheets, loop):
    semi.train_cfg.val_interval = 3
    semi.val_cfg.type = loop
    semi.custom_hooks.append(dict(type='PseudoLabelPanelHook', num_images=2))
    semi.experiment_name = f'panels_{loop}'
    runner = Runner.from_cfg(semi)
    runner.train()
    assert [path.name for path, *_ in sheets] == ['iter_3.png', 'iter_6.png']
    path, columns, kwargs = sheets[-1]
    assert path.parent == Path(runner.log_dir) / 'panels'
    assert Image.open(path).size[0] > 400
    assert list(columns) == ['image', 'truth', 'pseudo-label', 'entropy', 'prediction']
    assert all(len(arrays) == 2 for arrays in columns.values())
    assert kwargs['limits']['entropy'] == (0, pytest.approx(np.log(5)))

    dataset = runner.val_dataloader.dataset
    for row in range(2):
        sample = dataset[row]
        image = np.asarray(Image.open(dataset.get_data_info(row)['img_path']))
        assert np.array_equal(columns['image'][row], image)
        truth = sample['data_samples'].gt_sem_seg.data[0]
        assert np.array_equal(columns['truth'][row], truth)
        batch = dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        data = runner.model.data_preprocessor(batch, False)
        with torch.no_grad():
            (result,) = runner.model.eval().predict(data['inputs'])
            logits = runner.model.teacher_outputs(data['inputs']).logits
            logits = runner.model.to_size(logits, data['inputs'])
            probability = logits.softmax(1)[0]
        assert np.array_equal(columns['prediction'][row], result.pred_sem_seg.data[0])
        assert np.array_equal(columns['pseudo-label'][row], probability.argmax(0))
        entropy = -(probability * probability.log()).sum(0)
        np.testing.assert_allclose(columns['entropy'][row], entropy, atol=1e-5)


def test_model_without_pseudo_labels_is_refused(incremental):
    incremental.pop('protocol')
    incremental.experiment_name = 'panels_refused'
    incremental.model.type = 'EncoderDecoder'
    incremental.model.pop('distillation')
    incremental.model.decode_head.num_classes = 3
    incremental.val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
    incremental.custom_hooks.append(dict(type='PseudoLabelPanelHook'))
    runner = Runner.from_cfg(incremental)
    assert any(isinstance(h, PseudoLabelPanelHook) for h in runner.hooks)
    with pytest.raises(TypeError, match='EncoderDecoder has no pseudo-labels'):
        runner.val()
