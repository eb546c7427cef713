# Backbone of vitthin8_camvid.py, from random weights, without any label.
_base_ = '../_base_/mocov3_camvid.py'
