# Basic framework with over-clustering, generated demo data, fold 3.
_base_ = './demo_voc_fold3.py'
protocol = dict(entropy_ranking=None, reassignment=None)
