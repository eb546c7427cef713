# Entropy ranking and dynamic reassignment, PASCAL-5i, fold 2 (Table 2: novel 55.10).
_base_ = './deeplabv3_r50_pascal-5i_fold2.py'
protocol = dict(self_training=False)
