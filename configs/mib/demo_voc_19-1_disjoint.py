# MiB on the generated demo data, VOC 19-1, disjoint.
_base_ = './demo_voc_19-1.py'
protocol = dict(setup='disjoint')
