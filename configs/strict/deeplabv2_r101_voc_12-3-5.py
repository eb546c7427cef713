# STRICT's validation protocol on VOC (section 4): 12 seen classes, 3 others unseen, the
# 5 test classes unused. For choosing settings.
_base_ = './deeplabv2_r101_voc_15-5.py'
protocol = dict(split='voc_12-3')
