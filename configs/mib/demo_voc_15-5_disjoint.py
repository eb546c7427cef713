# MiB on the generated demo data, VOC 15-5, disjoint.
_base_ = './demo_voc_15-5.py'
protocol = dict(setup='disjoint')
