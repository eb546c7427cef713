# Entropy ranking and dynamic reassignment, generated demo data, fold 3.
_base_ = './demo_voc_fold3.py'
protocol = dict(self_training=False)
