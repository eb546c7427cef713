# Basic framework, PASCAL-5i, fold 3 (Table 2: novel 36.96).
_base_ = './deeplabv3_r50_pascal-5i_fold3.py'
protocol = dict(num_clusters=5, entropy_ranking=None, reassignment=None)
