# Images of PASCAL VOC 2012 for maps of saliency.
_base_ = [
    './datasets/voc_novel_512x512.py',
    './default_runtime.py',
]
