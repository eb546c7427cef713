# EUMS, COCO-20i, fold 2 (Table 3: novel 19.75).
_base_ = './deeplabv3_r50_coco-20i_fold0.py'
protocol = dict(fold='coco-20i_fold2')
