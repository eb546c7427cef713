# EUMS, generated demo data, fold 0: five stages in a few minutes.
_base_ = '../_base_/eums_demo.py'
protocol = dict(fold='pascal-5i_fold0', num_clusters=10)  # twice the 5 novel classes
