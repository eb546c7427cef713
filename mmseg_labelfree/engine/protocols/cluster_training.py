"""Settings of the trainings of novel class discovery: sampler, metric, result."""

from collections.abc import Iterable, Mapping

from mmengine.config import Config

from ...utils.choices import check_choice

SOURCES = ('base', 'clean', 'unclean')

#: File in a stage's folder with the classes that its validation has found.
MATCHING = 'matching.json'


def mix_sources(stage: Config, counts: Mapping[str, int]) -> None:
    """Draw batches with this many images of each source, and none of the others."""
    loader = stage.train_dataloader
    loader.batch_size = sum(counts.values())
    loader.sampler = dict(
        type='MultiSourceSampler',
        source_counts={source: counts.get(source, 0) for source in SOURCES},
        epoch_source='shortest',
        infinite='max_iters' in stage.train_cfg,
    )
    if 'auto_scale_lr' in stage:
        stage.auto_scale_lr.base_batch_size = loader.batch_size


def score_clusters(
    stage: Config, num_clusters: int, num_old_classes: int, matching: str
) -> None:
    """Match clusters to classes in the validation; tests take that matching.

    A test of another checkpoint than the stage's by ``tools/test.py`` takes that one's.
    """
    metric = dict(
        type='ClusteringIoUMetric',
        num_clusters=num_clusters,
        num_old_classes=num_old_classes,
        matching=matching,
        classwise=True,
    )
    file = f'{stage.work_dir}/{MATCHING}'
    stage.val_evaluator = dict(metric, save_matching=file)
    stage.test_evaluator = dict(metric, matching_file=file)


def by_stage(hand_on: str | Mapping[str, str], stages: Iterable[str]) -> dict[str, str]:
    """Say of each training whether its 'last' or its 'best' checkpoint is handed on.

    Args:
        hand_on: The choice for all, or by stage.
        stages: All trainings.

    Raises:
        ValueError: There is no such choice, or no such stage.

    Example:
        >>> by_stage(dict(basic='best'), ['base', 'basic'])
        {'base': 'last', 'basic': 'best'}
    """
    stages = list(stages)
    given = dict.fromkeys(stages, hand_on) if isinstance(hand_on, str) else hand_on
    for stage, choice in given.items():
        check_choice('stage of hand_on', stage, stages)
        check_choice(f'hand_on.{stage}', choice, ('last', 'best'))
    return dict.fromkeys(stages, 'last') | dict(given)
