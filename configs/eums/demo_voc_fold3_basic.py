# Basic framework, generated demo data, fold 3.
_base_ = './demo_voc_fold3.py'
protocol = dict(num_clusters=5, entropy_ranking=None, reassignment=None)
