# MiB, VOC 19-1, disjoint (Table 1: old 69.6, new 25.6, all 67.4).
_base_ = './deeplabv3_r101_voc_19-1.py'
protocol = dict(setup='disjoint')
