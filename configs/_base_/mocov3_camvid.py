# MoCo v3 of MMPretrain on CamVid without labels, thin ViT.
_base_ = [
    './models/mocov3_vitthin8.py',
    './datasets/camvid_views_64x64.py',
    './schedules/mocov3_small.py',
    './default_runtime.py',
]
default_scope = 'mmpretrain'
visualizer = dict(type='mmseg.SegLocalVisualizer')
