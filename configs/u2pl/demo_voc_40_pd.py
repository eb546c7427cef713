# CutMix with denoising (Table 4, row 7).
_base_ = './demo_voc_40_pd-sce.py'
model = dict(unlabeled_loss=dict(_delete_=True, type='CrossEntropyLoss'))
