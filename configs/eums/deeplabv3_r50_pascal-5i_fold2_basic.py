# Basic framework, PASCAL-5i, fold 2 (Table 2: novel 42.53).
_base_ = './deeplabv3_r50_pascal-5i_fold2.py'
protocol = dict(num_clusters=5, entropy_ranking=None, reassignment=None)
