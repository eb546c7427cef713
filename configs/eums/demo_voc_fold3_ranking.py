# Over-clustering and entropy ranking, generated demo data, fold 3.
_base_ = './demo_voc_fold3.py'
protocol = dict(reassignment=None, self_training=False)
