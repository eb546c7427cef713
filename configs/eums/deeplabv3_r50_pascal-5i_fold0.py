# EUMS, PASCAL-5i, fold 0 (Table 2: novel 69.79).
_base_ = '../_base_/eums_voc.py'
protocol = dict(fold='pascal-5i_fold0', num_clusters=10)  # twice the 5 novel classes
