# Basic framework, generated demo data, fold 0.
_base_ = './demo_voc_fold0.py'
protocol = dict(num_clusters=5, entropy_ranking=None, reassignment=None)
