# Basic framework with over-clustering, PASCAL-5i, fold 0 (Table 2: novel 62.43).
_base_ = './deeplabv3_r50_pascal-5i_fold0.py'
protocol = dict(entropy_ranking=None, reassignment=None)
