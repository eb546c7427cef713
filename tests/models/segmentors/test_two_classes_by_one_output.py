"""Two classes by one output: MMSegmentation's documented sigmoid and threshold."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.losses.pixel_losses import pixel_loss
from mmseg_labelfree.models.teachers import copy_student
from mmseg_labelfree.ops import two_class_logits

BCE = dict(type='CrossEntropyLoss', use_sigmoid=True)


def model(type='MeanTeacherEncoderDecoder', loss=BCE, threshold=0.5, **kwargs):
    head = dict(
        type='FCNHead',
        in_channels=32,
        channels=8,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=2,
        out_channels=1,
        threshold=threshold,
        norm_cfg=dict(type='GN', num_groups=2),
        loss_decode=loss,
    )
    return ConfigDict(
        type=type,
        data_preprocessor=dict(type='SegDataPreProcessor'),
        backbone=dict(
            type='ResNetV1c',
            depth=18,
            stem_channels=8,
            base_channels=4,
            strides=(1, 2, 1, 1),
            norm_cfg=dict(type='GN', num_groups=2),
        ),
        decode_head=head,
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
        **kwargs,
    )


def build(bias, **kwargs):
    """A student, and a teacher whose logit is ``bias`` everywhere."""
    torch.manual_seed(0)
    student = MODELS.build(model(**kwargs))
    teacher = copy_student(student, student.not_in_teacher)
    torch.nn.init.zeros_(teacher.decode_head.conv_seg.weight)
    torch.nn.init.constant_(teacher.decode_head.conv_seg.bias, bias)
    student.set_teacher(teacher)
    return student.train()


def batch(size=16):
    samples = []
    for source, value in (('labeled', 1), ('labeled', 0), ('unlabeled', 255)):
        label = torch.full((1, size, size), value)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        shape = (size, size)
        sample.set_metainfo(dict(img_shape=shape, ori_shape=shape, source=source))
        samples.append(sample)
    return torch.randn(3, 3, size, size), samples


def logit(probability):
    return torch.tensor(probability).logit().item()


@pytest.mark.parametrize('threshold', [0.3, 0.5, 0.9])
@pytest.mark.parametrize('probability', [0.25, 0.4, 0.6, 0.95])
def test_teachers_label_by_the_threshold(threshold, probability):
    student = build(logit(probability), threshold=threshold)
    images, samples = batch()
    maps = student.pseudo_label_maps(images, samples)
    assert maps['pseudo-label'].unique().tolist() == [int(probability > threshold)]
    predicted = student.teacher.predict(images, samples)[0].pred_sem_seg.data
    assert torch.equal(maps['pseudo-label'][0], predicted[0].long())


@pytest.mark.parametrize(
    'unlabeled',
    [
        None,
        BCE,
        dict(type='SymmetricCrossEntropyLoss'),
        dict(type='CrossEntropyLoss'),
    ],
    ids=['default', 'sigmoid', 'symmetric', 'softmax'],
)
def test_unlabeled_images_teach(unlabeled):
    student = build(5.0, unlabeled_loss=unlabeled)
    torch.nn.init.constant_(student.decode_head.conv_seg.bias, -1.0)
    torch.nn.init.zeros_(student.decode_head.conv_seg.weight)
    losses = student.loss(*batch())
    name = next(k for k in losses if k.startswith('unlabeled.loss'))
    losses[name].backward()
    # Towards class 1, of which the teacher is sure.
    assert student.decode_head.conv_seg.bias.grad.item() < -0.1
    if unlabeled is None:
        expected = torch.nn.functional.softplus(torch.tensor(1.0))
        torch.testing.assert_close(losses[name], expected)


@pytest.mark.parametrize('bias', [-1.0, 3.0])
def test_a_network_that_is_its_own_teacher_labels_both_classes(bias):
    student = build(bias, type='UniMatchEncoderDecoder', threshold=0.6)
    torch.nn.init.zeros_(student.decode_head.conv_seg.weight)
    torch.nn.init.constant_(student.decode_head.conv_seg.bias, bias)
    name = 'unlabeled.loss_ce'
    loss = student.loss(*batch())[name]  # of the class that the bias is for
    torch.testing.assert_close(
        loss, torch.nn.functional.softplus(torch.tensor(-abs(bias)))
    )


@pytest.mark.parametrize('avg_non_ignore', [False, True])
def test_the_sigmoid_of_one_output_by_strips(avg_non_ignore):
    criterion = MODELS.build(dict(BCE, avg_non_ignore=avg_non_ignore, loss_weight=0.7))
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    labels = torch.randint(0, 2, (2, 8, 8))
    labels[:, :3] = 255
    weight = torch.rand(2, 8, 8)
    for weighted in (None, weight):
        found = pixel_loss(criterion, logits, labels, weighted)
        enlarged = torch.nn.functional.interpolate(logits, (8, 8), mode='bilinear')
        wanted = criterion(enlarged, labels, weight=weighted, ignore_index=255)
        torch.testing.assert_close(found, wanted)
        pair = [torch.autograd.grad(loss, logits)[0] for loss in (found, wanted)]
        torch.testing.assert_close(*pair)
    labels.fill_(255)  # there MMSegmentation's looks for the largest of no label
    assert pixel_loss(criterion, logits, labels).item() == 0


def test_improbable_pixels_teach_nothing():
    student = build(0.1, threshold=0.5, unlabeled_loss=BCE)
    student.threshold = 0.9
    assert student.loss(*batch())['unlabeled.loss_ce'].item() == 0


@pytest.mark.parametrize(
    'loss', [dict(type='CrossEntropyLoss'), dict(type='SymmetricCrossEntropyLoss')]
)
def test_losses_of_several_classes_see_two(loss):
    student = build(5.0, loss=loss)
    losses = student.loss(*batch())
    losses[
        'decode.' + next(k for k in losses if 'decode' in k).split('.')[1]
    ].backward()
    assert student.decode_head.conv_seg.weight.grad.abs().sum() > 0


def test_accuracy_counts_both_classes():
    student = build(5.0)
    torch.nn.init.constant_(student.decode_head.conv_seg.bias, 3.0)
    torch.nn.init.zeros_(student.decode_head.conv_seg.weight)
    assert student.loss(*batch())['decode.acc_seg'].item() == pytest.approx(50.0)


def test_u2pl_ranks_pixels_by_both_classes():
    student = build(
        0.4,
        type='U2PLEncoderDecoder',
        denoise=False,
        dynamic_partition=False,
    )
    images, samples = batch()
    entropy = student.pseudo_label_maps(images, samples)['entropy']
    p = torch.tensor(0.4).sigmoid()
    expected = -(p * p.log() + (1 - p) * (1 - p).log())
    torch.testing.assert_close(entropy.mean(), expected)
    losses = student.loss(images, samples)
    assert sum(v for k, v in losses.items() if 'loss' in k).isfinite()


@pytest.mark.parametrize(
    'kind', ['IncrementalEncoderDecoder', 'NovelClassEncoderDecoder']
)
def test_what_cannot_is_refused_as_it_is_built(kind):
    with pytest.raises(ValueError, match=f'{kind} needs an output for each class'):
        MODELS.build(model(kind))


@pytest.mark.parametrize('kind', ['MeanTeacherEncoderDecoder', 'U2PLEncoderDecoder'])
def test_heads_with_another_void_label_are_refused(kind):
    cfg = model(kind)
    cfg['decode_head']['ignore_index'] = 250
    with pytest.raises(
        ValueError, match='ignores the label 255, but decode_head.ignore'
    ):
        MODELS.build(cfg)


def test_logits_of_two_classes():
    x = torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    both = two_class_logits(x)
    torch.testing.assert_close(both.softmax(1)[:, 1:], x.sigmoid())
    assert two_class_logits(both) is both
    shifted = two_class_logits(x, 0.2).argmax(1)
    assert torch.equal(shifted, (x[:, 0].sigmoid() > 0.2).long())
    assert torch.autograd.gradcheck(two_class_logits, (x,))
