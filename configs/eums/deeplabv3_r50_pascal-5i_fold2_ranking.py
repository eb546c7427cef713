# Over-clustering and entropy ranking, PASCAL-5i, fold 2 (Table 2: novel 49.82).
_base_ = './deeplabv3_r50_pascal-5i_fold2.py'
protocol = dict(reassignment=None, self_training=False)
