# MiB on CamVid: seven classes, then fence, car, pedestrian, bicyclist one by one.
_base_ = '../_base_/mib_camvid.py'
model = _base_.mib
