# Two stages: refined activation maps of a classifier as files, then full training on
# them, VOC photographs.
_base_ = '../_base_/afa_vocreal.py'
model = dict(_base_.cam, pseudo_labels=dict(background_low=0.3, background_high=0.3))
val_evaluator = _base_.cam_evaluator
test_evaluator = val_evaluator
protocol = dict(
    type='PseudoLabelTrainingProtocol',
    job=dict(field='pseudo_sem_seg'),
    segmentor=dict(
        model=dict(_base_.model, _delete_=True),
        train_dataloader=dict(
            dataset=dict(dataset=dict(pipeline=_base_.pseudo_pipeline))
        ),
        val_evaluator=_base_.full_evaluator,
        test_evaluator=_base_.full_evaluator,
        custom_hooks=_base_.full_hooks,
    ),
)
