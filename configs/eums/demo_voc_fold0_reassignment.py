# Entropy ranking and dynamic reassignment, generated demo data, fold 0.
_base_ = './demo_voc_fold0.py'
protocol = dict(self_training=False)
