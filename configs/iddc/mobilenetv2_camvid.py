# IDDC, MobileNetV2, CamVid.
_base_ = '../_base_/iddc_camvid.py'
