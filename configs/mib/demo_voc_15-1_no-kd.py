# Ablation: MiB without distillation.
_base_ = './demo_voc_15-1.py'
model = dict(distillation=[])
