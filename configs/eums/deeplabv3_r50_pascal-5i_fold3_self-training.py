# Entropy ranking and self-training, PASCAL-5i, fold 3 (Table 2: novel 46.55).
_base_ = './deeplabv3_r50_pascal-5i_fold3.py'
protocol = dict(reassignment=None)
