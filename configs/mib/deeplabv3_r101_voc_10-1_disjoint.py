# MiB, VOC 10-1, disjoint.
_base_ = './deeplabv3_r101_voc_10-1.py'
protocol = dict(setup='disjoint')
