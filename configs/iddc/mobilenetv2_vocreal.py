# IDDC, MobileNetV2, VOC subset.
_base_ = '../_base_/iddc_vocreal.py'
