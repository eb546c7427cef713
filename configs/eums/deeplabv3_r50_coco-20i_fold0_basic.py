# Basic framework (eq. 5), COCO-20i, fold 0 (Table 3: novel 24.58).
_base_ = '../_base_/eums_coco.py'
protocol = dict(_base_.basic, fold='coco-20i_fold0', num_clusters=20)
