# CutMix with denoising, momentum prototypes, SCE (Table 4, row 10).
_base_ = './demo_voc_40.py'
model = dict(unreliable=0.0, contrastive_loss=None)
