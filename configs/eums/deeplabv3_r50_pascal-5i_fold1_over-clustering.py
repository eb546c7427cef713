# Basic framework with over-clustering, PASCAL-5i, fold 1 (Table 2: novel 57.02).
_base_ = './deeplabv3_r50_pascal-5i_fold1.py'
protocol = dict(entropy_ranking=None, reassignment=None)
