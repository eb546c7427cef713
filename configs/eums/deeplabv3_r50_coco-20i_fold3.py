# EUMS, COCO-20i, fold 3 (Table 3: novel 18.19).
_base_ = './deeplabv3_r50_coco-20i_fold0.py'
protocol = dict(fold='coco-20i_fold3')
