# Basic framework (eq. 5), PASCAL-5i, fold 0 (Table 2: novel 60.83).
_base_ = '../_base_/eums_voc.py'
protocol = dict(_base_.basic, fold='pascal-5i_fold0', num_clusters=5)
