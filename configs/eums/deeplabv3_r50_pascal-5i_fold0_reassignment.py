# Entropy ranking and dynamic reassignment, PASCAL-5i, fold 0 (Table 2: novel 61.36).
_base_ = './deeplabv3_r50_pascal-5i_fold0.py'
protocol = dict(self_training=False)
