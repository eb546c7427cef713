# STRICT and what it is compared with: what each method changes in the model. A config
# takes one, `model = _base_.strict`; its bundle adds embeddings and decode head. SPNet
# is STRICT without rounds, `protocol = dict(rounds=0)`; ST and ZS5 are one round.
strict = dict(
    type='ZeroLabelEncoderDecoder',
    generator=dict(views='mirror+up'),  # section 4.2, table 3; code: its six views
)
st = dict(strict, generator=dict(views='none'))  # SPNet+ST: one view
# ZS5: the share is tuned for each dataset and not published with STRICT's tables.
zs5 = dict(strict, generator=dict(views='none', top_percent=25.0))
# Cross-entropy over the pixels that have a label or a pseudo-label (code). With one old
# class this loss is the ordinary one; it does not wait for the device as mmseg's does.
strict_loss = dict(
    type='UnbiasedCrossEntropyLoss',
    num_old_classes=1,
    avg_non_ignore=True,
    loss_name='loss_ce',
)
fasttext_word2vec = dict(  # code: 300 + 300 numbers, normalized
    arrays=('fasttext', 'word2vec'), dim=600
)
# Ours: text embeddings in their place, of whatever length.
clip = dict(arrays=('clip',), dim=None)
protocol = dict(
    type='SelfTrainingProtocol',
    # Code: what has no seen label is unlabeled, the true background too.
    background='unlabeled',
    # Code: 2. Table 1's ST is table 3's first row, one round; its STRICT is above the
    # best row of table 3. Figure 4: 6.
    rounds=2,
    mode='online',  # algorithm 1
)
