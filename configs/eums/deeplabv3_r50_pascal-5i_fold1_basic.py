# Basic framework, PASCAL-5i, fold 1 (Table 2: novel 58.90).
_base_ = './deeplabv3_r50_pascal-5i_fold1.py'
protocol = dict(num_clusters=5, entropy_ranking=None, reassignment=None)
