# Modeling the Background (MiB), section 5: points and scribbles. A config takes one:
# `model = _base_.pce`. Eq. 13 and 'Img Lvl' need the classes of whole images, which
# this segmentor gives to the loss.
mib_weak = dict(
    type='StripedEncoderDecoder',
    decode_head=dict(
        loss_decode=dict(  # eq. 13
            type='UnlabeledSetCrossEntropyLoss',
            gamma=1.0,  # not published
            background=True,
        )
    ),
)
mib_scene = dict(  # scene parsing has no background class (section 5.2)
    type='StripedEncoderDecoder',
    decode_head=dict(
        loss_decode=dict(
            type='UnlabeledSetCrossEntropyLoss', gamma=1.0, background=False
        )
    ),
)
pce = dict(  # eq. 12
    decode_head=dict(loss_decode=dict(type='PartialCrossEntropyLoss'))
)
pce_bkg = dict(  # 'PCE + bkg', section 6.3.1: unlabeled pixels are background
    decode_head=dict(
        loss_decode=dict(
            type='UnlabeledSetCrossEntropyLoss',
            gamma=1.0,
            unlabeled_classes='background',
        )
    )
)
full = dict(  # full supervision, the upper bound, on `full_pipeline`
    decode_head=dict(loss_decode=dict(type='CrossEntropyLoss'))
)
img_lvl = dict(  # 'Img Lvl' (Table 5): the classes of an image, not their points
    type='StripedEncoderDecoder',
    decode_head=dict(loss_decode=dict(type='ImagePresenceLoss')),
)
img_lvl_pce = dict(  # 'Img Lvl + PCE' (Table 5)
    type='StripedEncoderDecoder',
    decode_head=dict(
        loss_decode=[
            dict(type='ImagePresenceLoss'),
            dict(type='PartialCrossEntropyLoss'),
        ]
    ),
)
