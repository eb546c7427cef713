# EUMS, COCO-20i, fold 0 (Table 3: novel 42.39).
_base_ = '../_base_/eums_coco.py'
protocol = dict(fold='coco-20i_fold0', num_clusters=40)  # code: twice the 20 novel
