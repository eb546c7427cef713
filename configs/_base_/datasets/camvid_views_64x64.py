# CamVid without labels, two views of 64 x 64 pixels of each image.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/camvid'
# Augmentations of MMPretrain's mocov3; crops of 5 to 25 % of the image, so that things
# are about as large as they will be when whole images are segmented.
view = [
    dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.05, 0.25)),
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='ColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.2,
                hue=0.1,
                backend='cv2',
            )
        ],
        prob=0.8,
    ),
    dict(
        type='RandomGrayscale',
        prob=0.2,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.2989),
    ),
    dict(
        type='GaussianBlur',
        magnitude_range=(0.1, 2.0),
        magnitude_std='inf',
        prob=0.5,
    ),
    dict(type='RandomFlip', prob=0.5),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='mmseg.SeededInfiniteSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmseg.CamVidDataset',
        data_root=data_root,
        data_prefix=dict(img_path='images/train'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='MultiView', num_views=[2], transforms=[view]),
            dict(type='PackInputs'),
        ],
    ),
)
