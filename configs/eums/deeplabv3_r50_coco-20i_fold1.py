# EUMS, COCO-20i, fold 1 (Table 3: novel 26.89).
_base_ = './deeplabv3_r50_coco-20i_fold0.py'
protocol = dict(fold='coco-20i_fold1')
