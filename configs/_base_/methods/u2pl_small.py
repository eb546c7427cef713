# U2PL+ for the small experiments: as u2pl.py, with narrow embeddings and short queues.
_base_ = './u2pl.py'
u2pl = dict(
    representation_head=dict(
        _delete_=True,
        type='RepresentationHead',
        in_channels=64,
        channels=64,
        dropout_ratio=0.0,
    ),
    memory_bank=dict(channels=64, length=3000, background_length=5000),
    # The text beside eq. 4; Table 7's 0.5 does harm in short runs, see
    # configs/u2pl/README.md.
    unlabeled_loss=dict(xi2=0.1),
)
