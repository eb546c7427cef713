# IDDC, MobileNetV2, generated demo data.
_base_ = '../_base_/iddc_demo.py'
