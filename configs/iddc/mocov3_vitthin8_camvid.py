# Backbone of vitthin8_camvid.py, from random weights, without any label.
_base_ = [
    '../_base_/models/mocov3_vitthin8.py',
    '../_base_/datasets/camvid_views_64x64.py',
    '../_base_/schedules/mocov3_small.py',
    '../_base_/default_runtime.py',
]
default_scope = 'mmpretrain'
visualizer = dict(type='mmseg.SegLocalVisualizer')
