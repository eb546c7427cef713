# Basic framework (eq. 5), generated demo data, fold 0.
_base_ = '../_base_/eums_demo.py'
protocol = dict(
    fold='pascal-5i_fold0',
    num_clusters=5,
    entropy_ranking=None,
    reassignment=None,
)
