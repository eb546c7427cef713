# The filter of ZS5 on SPNet with background, generated demo data, 15-5.
_base_ = './demo_voc_15-5_zs5.py'
protocol = dict(background='seen')
