# MiB, VOC 19-1, overlapped (Table 1: old 70.2, new 22.1, all 67.8).
_base_ = './deeplabv3_r101_voc_15-5.py'
protocol = dict(task='voc_19-1')
