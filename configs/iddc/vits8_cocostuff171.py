# IDDC, DINO ViT-S/8, COCO-Stuff-171 (table 2). All 118,287 training images; the paper
# counts 117,266, as many as have an object: data/README.md makes their list, for
# train_dataloader.dataset.dataset.ann_file=with_objects.txt.
_base_ = '../_base_/iddc_cocostuff171.py'
