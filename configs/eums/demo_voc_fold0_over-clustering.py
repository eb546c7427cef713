# Basic framework with over-clustering, generated demo data, fold 0.
_base_ = './demo_voc_fold0.py'
protocol = dict(entropy_ranking=None, reassignment=None)
