# MiB, VOC 15-1, disjoint (Table 1: old 46.2, new 12.9, all 37.9).
_base_ = './deeplabv3_r101_voc_15-1.py'
protocol = dict(setup='disjoint')
