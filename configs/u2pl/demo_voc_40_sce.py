# CutMix with symmetric cross-entropy (Table 4, row 8).
_base_ = './demo_voc_40_cutmix.py'
model = dict(unlabeled_loss=_base_.u2pl['unlabeled_loss'])
