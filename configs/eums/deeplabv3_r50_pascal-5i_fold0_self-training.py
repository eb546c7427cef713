# Entropy ranking and self-training, PASCAL-5i, fold 0 (Table 2: novel 65.12).
_base_ = './deeplabv3_r50_pascal-5i_fold0.py'
protocol = dict(reassignment=None)
