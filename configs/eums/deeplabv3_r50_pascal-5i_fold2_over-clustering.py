# Basic framework with over-clustering, PASCAL-5i, fold 2 (Table 2: novel 51.53).
_base_ = './deeplabv3_r50_pascal-5i_fold2.py'
protocol = dict(entropy_ranking=None, reassignment=None)
