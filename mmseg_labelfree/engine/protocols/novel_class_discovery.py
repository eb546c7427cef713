"""Protocol of novel class discovery: base model, clusters, training on them, EUMS."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...datasets.splits.novel_folds import get_fold
from ...datasets.splits.published_counts import expected_fold_counts
from ...utils.checkpoint import BEST, check_finished
from ...utils.choices import check_keys, check_range, check_settings
from .base import DataPart, Protocol, Stage
from .cluster_training import SOURCES, by_stage, mix_sources, score_clusters
from .config_edit import add_hook, keep_best, set_class_counts
from .fold_data import FoldData, check_fold_config, fold_parts
from .list_check import check_lists

NEEDS = dict(
    base=[],
    clustering=['base'],
    basic=['clustering'],
    ranking=['clustering', 'basic'],
    eums=['clustering', 'ranking'],
)
SCORES = dict(base='mIoU/base', basic='mIoU/novel', eums='mIoU/novel')


@TASK_UTILS.register_module()
class NovelClassDiscoveryProtocol(Protocol):
    """Protocol that discovers novel classes by clustering (EUMS, algorithm 1).

    The stages of EUMS (https://arxiv.org/abs/2112.01900) are

    - ``base``: train on all images with base classes, novel ones as background (EUMS,
      eq. 1);
    - ``clustering``, a job: label maps of the novel images, base classes by the base
      model and one cluster an image (EUMS, eq. 2-4);
    - ``basic``: train on base images and all cluster labels (EUMS, eq. 5); without
      ``entropy_ranking`` the last stage;
    - ``ranking``, a job: split the novel images by the basic model's entropy
      (EUMS, eq. 6-7), see :class:`~mmseg_labelfree.engine.jobs.EntropyRankingJob`;
    - ``eums``: train on base images and clean images, and on unclean ones by
      self-training (EUMS, eq. 10).

    Only stages whose results are needed run. The data of the config is that of the
    base stage: ``train_dataloader.dataset`` is a ``NovelClassDataset`` with
    ``subset='base'``, from whose dataset the protocol makes all others, and
    ``val_dataloader.dataset`` one with ``subset='val'``. The config's
    ``plain_pipeline``, without augmentation, image and label map of one size, is that
    of clustering and ranking. In the results, clusters are matched to classes on the
    validation images: as in the authors' code by the Hungarian method if there are as
    many clusters as classes, else by majority. The matching is kept in the checkpoint
    and in ``<stage>/matching.json``, for every later test.

    Args:
        fold: Name or classes of a fold, see :func:`~mmseg_labelfree.datasets.get_fold`.
        clustering: Config of the job ``NovelClusteringJob`` but for what is known here:
            ``checkpoint``, ``dataset`` and ``num_clusters``. Clusters are
            compared with the masks, which changes nothing that is trained on;
            ``truth=None`` leaves that out.
        num_clusters: Number of clusters. Defaults to the number of novel classes; EUMS
            takes twice as many.
        source_counts: Images of the sources 'base', 'clean' and 'unclean' in a batch of
            one process. Defaults to 8 of each.
        basic_counts: Those of 'basic', 'base' and 'clean'. Defaults to
            ``source_counts``.
        entropy_ranking: Share of clean images (lambda), 0 to 1; None ends with the
            basic model.
        reassignment: Arguments of ``DynamicReassignmentHook`` in the last stage, ``{}``
            for its defaults; None for no reassignment.
        self_training: Whether unclean images are used at all.
        teacher: Config of the ``EMATeacherHook`` for self-training.
        from_base: Start 'basic' and 'eums' from the base model, with new outputs for
            the clusters. The authors start all trainings from the pretrained backbone
            (code); without pretrained weights the base model's are better.
        from_basic: Go on with the basic model in 'eums' (algorithm 1, line 28). In a
            short training its teacher else labels before it knows the clusters.
        fine_tuning: Config overrides of 'basic' and 'eums'.
        hand_on: Which checkpoint of a training is its result, which is clustered,
            ranked, scored and tested: the 'last' one, or the 'best' by validation, of
            'base' by the mIoU of base classes, for 'basic' and 'eums' by that of
            novel ones, whose labels it so uses (the authors' code); ``val_interval``
            sets how many there are. By stage in a dict, 'last' for the others.
        reuse: Folders of finished stages of another run, by name of the stage, which
            are taken instead of running these: rows of an ablation can share a base
            model, clusters, a basic model and a ranking.

    Raises:
        ValueError: The settings contradict each other, or the data is not as above.

    Example:
        ``protocol=dict(type='NovelClassDiscoveryProtocol', fold='pascal-5i_fold0',
        num_clusters=10, clustering=dict(type='NovelClusteringJob', saliency=...))``
    """

    columns = {
        'base': 'mIoU/base',
        'novel': 'mIoU/novel',
        'all': 'mIoU/all',
        'bg': 'IoU/background',
    }

    def __init__(
        self,
        fold: str | Mapping[str, Sequence[str]],
        clustering: Mapping[str, Any],
        num_clusters: int | None = None,
        source_counts: Mapping[str, int] | None = None,
        basic_counts: Mapping[str, int] | None = None,
        entropy_ranking: float | None = 0.67,
        reassignment: Mapping[str, Any] | None = None,
        self_training: bool = True,
        teacher: Mapping[str, Any] | None = None,
        from_base: bool = False,
        from_basic: bool = False,
        fine_tuning: Mapping[str, Any] | None = None,
        hand_on: Literal['last', 'best'] | Mapping[str, str] = 'last',
        reuse: Mapping[str, str] | None = None,
    ) -> None:
        self.fold = get_fold(fold)
        self.fold_setting = fold
        num_novel = len(self.fold.new(1))
        self.num_old_classes = 1 + len(self.fold.new(0))
        if num_clusters is not None:
            check_range(0, num_clusters=num_clusters)
        if num_clusters is not None and num_clusters < num_novel:
            raise ValueError(
                f'num_clusters={num_clusters} is less than the {num_novel} novel '
                'classes of the fold, some of which no cluster could be: give as many '
                'or more'
            )
        if entropy_ranking is not None:
            check_range(0, 1, entropy_ranking=entropy_ranking)
        check_keys('source_counts', source_counts, SOURCES)
        check_keys('basic_counts', basic_counts, SOURCES)
        self.num_clusters = num_novel if num_clusters is None else num_clusters
        # As in the authors' code.
        exact = self.num_clusters == num_novel
        self.matching = 'hungarian' if exact else 'majority'
        self.clustering = dict(clustering)
        self.source_counts = dict(source_counts or dict(base=8, clean=8, unclean=8))
        self.basic_counts = dict(basic_counts or self.source_counts)
        self.entropy_ranking = entropy_ranking
        self.reassignment = reassignment
        self.self_training = self_training
        self.teacher = dict(teacher or dict(type='EMATeacherHook'))
        self.starts = dict(
            basic='base' if from_base else None,
            eums='basic' if from_basic else 'base' if from_base else None,
        )
        check_settings(fine_tuning=fine_tuning, reuse=reuse)
        self.fine_tuning = dict(fine_tuning or {})
        self.hand_on = by_stage(hand_on, SCORES)
        self.reuse = dict(reuse or {})
        if entropy_ranking is None and reassignment is not None:
            raise ValueError(
                'reassignment moves images that the entropy ranking called clean: set '
                'entropy_ranking, or reassignment=None'
            )
        unknown = [name for name in self.reuse if name not in NEEDS]
        if unknown:
            raise ValueError(f'reuse names {unknown}, but the stages are {list(NEEDS)}')

    def stages(self, cfg: Config) -> list[Stage]:
        """List the stages, from the first that has to run."""
        check_fold_config(cfg)
        last = 'basic' if self.entropy_ranking is None else 'eums'
        wanted: set[str] = set()
        self._collect(last, wanted)
        make = dict(
            base=self._base,
            clustering=self._clustering,
            basic=self._basic,
            ranking=self._ranking,
            eums=self._eums,
        )
        return [make[name](cfg) for name in NEEDS if name in wanted]

    def check(self, stages: Sequence[Stage]) -> None:
        """Raise if a list is damaged, or a stage to reuse is not finished."""
        for folder in self.reuse.values():
            check_finished(folder)
        check_lists(stages)

    def data_parts(self, cfg: Config) -> list[DataPart]:
        """Images of base training, base and novel images, and base validation."""
        return fold_parts(cfg, self.fold, self.fold_setting)

    def known_counts(self, cfg: Config, num_images: int) -> dict[str, int]:
        """Sizes of the authors' lists of the fold."""
        return expected_fold_counts(self.fold, num_images)

    def _collect(self, name: str, wanted: set[str]) -> None:
        if name not in self.reuse:
            wanted.add(name)
            start = self.starts.get(name)
            for need in NEEDS[name] + ([start] if start else []):
                self._collect(need, wanted)

    def _folder(self, cfg: Config, stage: str) -> str:
        """Folder of a stage's results."""
        return self.reuse.get(stage, f'{cfg.work_dir}/{stage}')

    def _result(self, cfg: Config, stage: str) -> str:
        """Checkpoint that a training hands on; of a reused one what its run chose."""
        folder = self._folder(cfg, stage)
        best = self.hand_on[stage] == 'best' and stage not in self.reuse
        return f'{folder}/{BEST}' if best else folder

    def _training(self, cfg: Config, name: str, note: str) -> Stage:
        """The stage, which keeps its best checkpoint if that is what it hands on."""
        best = self.hand_on[name] == 'best'
        if best:
            keep_best(cfg, SCORES[name])
        return Stage(name, cfg, note, best)

    def _base(self, cfg: Config) -> Stage:
        stage = self.stage_config(cfg, 'base')
        stage.model.unlabeled_sources = []
        set_class_counts(stage.model, self.num_old_classes)
        part = dict(subset='base', mixed_images=True, fold=self.fold_setting)
        metric = dict(
            type='GroupedIoUMetric',
            groups=dict(base=list(self.fold.new(0))),
            classwise=True,
        )
        stage.train_dataloader.dataset.update(part)
        for kind in ('val', 'test'):
            stage[f'{kind}_dataloader'].dataset.update(part)
            stage[f'{kind}_evaluator'] = metric
        return self._training(stage, 'base', ', '.join(self.fold.new(0)))

    def _clustering(self, cfg: Config) -> Stage:
        stage = self.stage_config(cfg, 'clustering')
        stage.job = dict(
            dict(truth=self._data(cfg).truth()) | self.clustering,
            checkpoint=self._result(cfg, 'base'),
            dataset=self._data(cfg).plain(),
            num_clusters=self.num_clusters,
        )
        note = f'{self.num_clusters} clusters for {len(self.fold.new(1))} classes'
        return Stage('clustering', stage, note)

    def _basic(self, cfg: Config) -> Stage:
        stage = self._fine_tuning(cfg, 'basic', ['base', 'clean'])
        kept = f'{self._folder(cfg, "clustering")}/images.txt'
        stage.train_dataloader.dataset = self._data(cfg).mixed(clean=kept)
        note = f'{", ".join(self.fold.new(1))} as clusters'
        return self._training(stage, 'basic', note)

    def _ranking(self, cfg: Config) -> Stage:
        stage = self.stage_config(cfg, 'ranking')
        stage.job = dict(
            type='EntropyRankingJob',
            checkpoint=self._result(cfg, 'basic'),
            dataset=self._data(cfg).clustered(),
            num_old_classes=self.num_old_classes,
            keep=self.entropy_ranking,
            batch_size=self.source_counts['clean'],
            num_workers=cfg.train_dataloader.get('num_workers', 0),
        )
        return Stage('ranking', stage, 'clean and unclean images')

    def _eums(self, cfg: Config) -> Stage:
        sources = ['base', 'clean', 'unclean'][: 3 if self.self_training else 2]
        stage = self._fine_tuning(cfg, 'eums', sources)
        folder = self._folder(cfg, 'ranking')
        lists = {name: f'{folder}/{name}.txt' for name in sources[1:]}
        stage.train_dataloader.dataset = self._data(cfg).mixed(**lists)
        parts = ['clean images']
        if self.self_training:
            parts.append('self-training')
            add_hook(stage, **self.teacher)
        if self.reassignment is not None:
            parts.append('reassignment')
            add_hook(
                stage,
                type='DynamicReassignmentHook',
                dataset=self._data(cfg).clustered(),
                num_old_classes=self.num_old_classes,
                num_workers=cfg.train_dataloader.get('num_workers', 0),
                **self.reassignment,
            )
        return self._training(stage, 'eums', ' + '.join(parts))

    def _fine_tuning(self, cfg: Config, name: str, sources: Sequence[str]) -> Config:
        """Config of a training on these sources, still without its dataset."""
        stage = self.stage_config(cfg, name, self.fine_tuning)
        stage.model.unlabeled_sources = [s for s in sources if s == 'unclean']
        set_class_counts(stage.model, self.num_old_classes + self.num_clusters)
        given = self.basic_counts if name == 'basic' else self.source_counts
        mix_sources(stage, {source: given[source] for source in sources})
        stage.val_dataloader.dataset.update(subset='val', fold=self.fold_setting)
        stage.test_dataloader.dataset.update(subset='val', fold=self.fold_setting)
        score_clusters(stage, self.num_clusters, self.num_old_classes, self.matching)
        add_hook(stage, type='SamplerStateHook')
        add_hook(stage, type='ClusterNamesHook', num_old_classes=self.num_old_classes)
        start = self.starts[name]
        if start is not None:
            # Pretrained weights are read all the same: without them the new rows of
            # the classifier would be other random numbers.
            add_hook(
                stage,
                type='IncrementalClassifierInitHook',
                checkpoint=self._result(cfg, start),
                init='random',
            )
        return stage

    def _data(self, cfg: Config) -> FoldData:
        return FoldData(
            dataset=cfg.train_dataloader.dataset,
            plain_pipeline=cfg.plain_pipeline,
            clustering=self._folder(cfg, 'clustering'),
            settings=dict(fold=self.fold_setting, num_clusters=self.num_clusters),
        )
