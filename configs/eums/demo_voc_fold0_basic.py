# Basic framework (eq. 5), generated demo data, fold 0.
_base_ = '../_base_/eums_demo.py'
protocol = dict(_base_.basic, fold='pascal-5i_fold0', num_clusters=5)
