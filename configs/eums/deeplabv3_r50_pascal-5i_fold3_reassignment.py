# Entropy ranking and dynamic reassignment, PASCAL-5i, fold 3 (Table 2: novel 46.80).
_base_ = './deeplabv3_r50_pascal-5i_fold3.py'
protocol = dict(self_training=False)
