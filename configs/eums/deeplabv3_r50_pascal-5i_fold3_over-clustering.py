# Basic framework with over-clustering, PASCAL-5i, fold 3 (Table 2: novel 47.05).
_base_ = './deeplabv3_r50_pascal-5i_fold3.py'
protocol = dict(entropy_ranking=None, reassignment=None)
