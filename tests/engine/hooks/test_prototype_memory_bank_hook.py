import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS
from torch import nn


class PixelModel(BaseModel):
    """Classifies pixels, with the contrast against its own logits and bank."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 4, 1)
        self.classify = nn.Conv2d(4, 3, 1)
        self.memory_bank = MODELS.build(
            dict(type='PrototypeMemoryBank', num_classes=3, channels=4, length=20)
        )
        self.contrast = MODELS.build(
            dict(
                type='MemoryBankContrastiveLoss',
                num_anchors=4,
                num_negatives=3,
                low_rank=1,
                high_rank=3,
                loss_weight=1.0,
            )
        )

    def forward(self, images, labels, mode='loss'):
        images, labels = torch.stack(images), torch.stack(labels)
        embeddings = self.embed(images)
        logits = self.classify(embeddings)
        labels = labels.long()
        everywhere = torch.ones_like(labels, dtype=torch.bool)
        bank, teacher = self.memory_bank, logits.detach()
        bank.update_prototypes(embeddings, labels)
        self.contrast.push_negatives(
            bank, embeddings, teacher, labels, everywhere, num_labeled=len(labels)
        )
        generator = torch.Generator().manual_seed(0)
        contrast = self.contrast(
            embeddings, teacher, labels, everywhere, bank, generator
        )
        return dict(
            loss_ce=nn.functional.cross_entropy(logits, labels, ignore_index=255),
            loss_contrast=contrast,
        )


class Images(torch.utils.data.Dataset):
    def __init__(self, label=None):
        self.label = label

    def __len__(self):
        return 12

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        label = torch.randint(0, 3, (4, 4), generator=generator)
        if self.label is not None:
            label[:] = self.label
        return dict(images=torch.randn(3, 4, 4, generator=generator), labels=label)


def make_runner(work_dir, name, iters, hook=None, model=None, label=None, **kwargs):
    torch.manual_seed(0)
    return Runner(
        model=model or PixelModel(),
        work_dir=str(work_dir),
        experiment_name=name,
        train_dataloader=dict(
            dataset=Images(label),
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=3)
        ),
        custom_hooks=[hook or dict(type='PrototypeMemoryBankHook')],
        randomness=dict(seed=0),
        default_scope='mmseg',
        **kwargs,
    )


def test_resume_goes_on_as_without_interruption(tmp_path):
    whole = make_runner(tmp_path / 'whole', 'whole', 6)
    whole.train()
    make_runner(tmp_path / 'part', 'part', 3).train()
    path = tmp_path / 'part' / 'iter_3.pth'
    resumed = make_runner(
        tmp_path / 'resumed', 'resumed', 6, resume=True, load_from=str(path)
    )
    resumed.train()
    want, got = whole.model, resumed.model
    for name, value in want.state_dict().items():
        torch.testing.assert_close(got.state_dict()[name], value, rtol=0, atol=0)
    for name, value in want.memory_bank.named_buffers():
        assert torch.equal(getattr(got.memory_bank, name), value), name
    assert want.memory_bank.filled.sum() > 20
    assert want.memory_bank.known.all()

    checkpoint = torch.load(path, weights_only=False)
    saved = checkpoint['memory_bank']
    assert set(saved) == {
        'queues',
        'capacity',
        'pointer',
        'filled',
        'prototypes',
        'known',
    }
    assert not any('bank' in name for name in checkpoint['state_dict'])


def test_reasons_reach_the_log(tmp_path):
    hook = dict(type='PrototypeMemoryBankHook', report_interval=2)
    runner = make_runner(tmp_path, 'reasons', 4, hook, label=255)
    runner.train()
    text = ''.join(p.read_text() for p in tmp_path.glob('**/*.log'))
    assert text.count('loss_contrast was 0 in 2 step(s) so far: no class') == 1
    assert 'no class had anchors' in text


def test_a_checkpoint_without_a_bank_is_not_resumed(tmp_path):
    make_runner(tmp_path, 'without', 3, dict(type='IterationSeedHook')).train()
    path = str(tmp_path / 'iter_3.pth')
    with pytest.raises(ValueError, match="no entry 'memory_bank'.*load_from"):
        make_runner(
            tmp_path / 'resumed', 'resumed2', 6, resume=True, load_from=path
        ).train()
    make_runner(tmp_path / 'loaded', 'loaded', 3, load_from=path).train()


def test_a_model_without_a_bank_is_refused(tmp_path):
    hook = HOOKS.build(dict(type='PrototypeMemoryBankHook', bank='queues'))
    runner = make_runner(tmp_path, 'refused', 1)
    with pytest.raises(TypeError, match='PixelModel.queues'):
        hook.before_train(runner)
