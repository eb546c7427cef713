# EUMS, PASCAL-5i, fold 3 (Table 2: novel 50.18).
_base_ = './deeplabv3_r50_pascal-5i_fold0.py'
protocol = dict(fold='pascal-5i_fold3')
