# Entropy ranking and self-training, generated demo data, fold 3.
_base_ = './demo_voc_fold3.py'
protocol = dict(reassignment=None)
