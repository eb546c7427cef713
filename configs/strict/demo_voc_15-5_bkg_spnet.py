# SPNet with background, generated demo data, 15-5.
_base_ = './demo_voc_15-5_spnet.py'
protocol = dict(background='seen')
