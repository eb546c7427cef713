# SaliencyNet on the objects of base classes, scored on those of all classes, the novel
# ones as well. Images that hold a novel class are left out of the training: their
# objects would count as background.
object_mask = dict(type='ObjectMask')  # behind LoadAnnotations, which maps the labels
object_dataset = dict(
    _delete_=True,
    type='BaseSegDataset',
    metainfo=dict(
        classes=('background', 'object'), palette=[[0, 0, 0], [255, 255, 255]]
    ),
    ann_file='ImageSets/Segmentation/val.txt',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
    test_mode=True,
)
