# Entropy ranking and dynamic reassignment, PASCAL-5i, fold 1 (Table 2: novel 57.90).
_base_ = './deeplabv3_r50_pascal-5i_fold1.py'
protocol = dict(self_training=False)
