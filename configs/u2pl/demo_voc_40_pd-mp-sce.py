# CutMix with denoising, momentum prototypes, SCE (Table 4, row 10).
_base_ = '../_base_/u2pl_demo.py'
model = dict(_base_.u2pl_plus, unreliable=0.0, contrastive_loss=None)
