# MiB, VOC 15-5, disjoint (Table 1: old 71.8, new 43.3, all 64.7).
_base_ = './deeplabv3_r101_voc_15-5.py'
protocol = dict(setup='disjoint')
