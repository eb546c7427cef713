# Over-clustering and entropy ranking, generated demo data, fold 0.
_base_ = './demo_voc_fold0.py'
protocol = dict(reassignment=None, self_training=False)
