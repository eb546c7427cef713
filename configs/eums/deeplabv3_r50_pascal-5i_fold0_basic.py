# Basic framework, PASCAL-5i, fold 0 (Table 2: novel 60.83).
_base_ = './deeplabv3_r50_pascal-5i_fold0.py'
protocol = dict(num_clusters=5, entropy_ranking=None, reassignment=None)
