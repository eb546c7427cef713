# EUMS on the generated demo data, fold 3.
_base_ = './demo_voc_fold0.py'
protocol = dict(fold='pascal-5i_fold3')
