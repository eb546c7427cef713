# MiB on the generated demo data, VOC 15-1, disjoint.
_base_ = './demo_voc_15-1.py'
protocol = dict(setup='disjoint')
