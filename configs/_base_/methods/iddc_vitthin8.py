# IDDC on the features of the thin ViT; as iddc_mobilenetv2.py otherwise.
# Affinities of one class and of different classes cross at 0.1 (CamVid) to 0.3 (demo).
_base_ = './iddc_mobilenetv2.py'
pairs = dict(positive_threshold=0.5)
