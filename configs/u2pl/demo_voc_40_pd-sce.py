# CutMix with denoising and SCE (Table 4, row 9).
_base_ = './demo_voc_40_pd-mp-sce.py'
model = dict(memory_bank=dict(momentum=0.0))
