# CutMix with denoising and SCE (Table 4, row 9).
_base_ = '../_base_/u2pl_demo.py'
model = dict(
    _base_.u2pl_plus,
    unreliable=0.0,
    contrastive_loss=None,
    memory_bank=dict(_base_.u2pl_plus.memory_bank, momentum=0.0),
)
