"""Segmentor that learns to cluster pixels without labels."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor, nn

from ...ops.checks import Variant, check_variant
from ...utils.choices import check_choice, check_keys
from ..utils.head_checks import needs_output_per_class
from ..utils.pretrained_check import check_pretrained
from ..utils.recording import classifier_entry, recorded_inputs


@MODELS.register_module()
class DiscriminativeClusteringSegmentor(EncoderDecoder):
    r"""Segmentor that clusters pixels by the affinities of a pretrained backbone: IDDC.

    Liu, Zhang and Tang, "Imbalance-Aware Discriminative Clustering for Unsupervised
    Semantic Segmentation", IJCV 2024. The objective is (IDDC, eq. 8)

    .. math:: L = L^+ + \lambda_1 L^- + \lambda_2 L^{Weibull}

    The backbone (with the neck, if there is one) embeds the pixels. Cosines
    between the embeddings of two crops say which pixels belong together; the decode
    head learns cluster probabilities that agree. At test its outputs are clusters,
    which ``ClusteringIoUMetric`` matches to classes. Backbone and neck stay in eval
    mode all the time: their statistics and dropout masks are no part of the method.

    Checkpoints are those of a stock ``EncoderDecoder`` with the same heads.

    In ``test_cfg``, ``flip=True`` averages the logits of each window and of its
    mirror image, as the authors' evaluation does. The clusters' probabilities, not
    their logits, are averaged over overlapping windows, and ``seg_logits`` of a
    prediction are the logarithms of these.

    Args:
        pairwise_loss: A ``PairwiseAffinityLoss``.
        balance_loss: A ``WeibullBalanceLoss`` or ``EntropyBalanceLoss``, or None.
        embedding_index: Which of the backbone's feature maps embeds the pixels. It must
            have the size of the decode head's output.
        train_backbone: False freezes backbone and neck. With True they learn too,
            when :class:`~mmseg_labelfree.engine.hooks.FreezeScheduleHook` lets them;
            affinities are then those of the current embeddings, without gradient.
        auxiliary_head: A linear probe, any single decode head with its own
            ``loss_decode``: it learns the labels of the crops on detached
            features and shows what these hold. Its predictions are in the field
            ``probe_sem_seg``, see ``LinearProbeIoUMetric``. None for no probe, with
            which the data need no labels.
        probe_features: What the probe sees: the maps of the 'backbone', or, as in the
            authors' code, that of the 'head' before its classifier.
        variant: 'paper': balance and probe see both crops of the pairs. 'official': the
            first ones, as in the authors' code. The losses must be of the same variant.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        TypeError: There are several auxiliary heads.
        ValueError: ``probe_features`` or ``variant`` is unknown, or that of a loss is
            another; pretrained weights do not fit the backbone; a batch does not
            consist of pairs of crops, or is padded; sizes of embeddings and logits
            differ.

    Example:
        See ``configs/_base_/methods/iddc.py``.
    """

    out_channels: int

    def __init__(
        self,
        *args,
        pairwise_loss: dict,
        balance_loss: dict | None = None,
        embedding_index: int = -1,
        train_backbone: bool = False,
        auxiliary_head: dict | None = None,
        probe_features: str = 'backbone',
        variant: Variant = 'paper',
        **kwargs,
    ) -> None:
        if isinstance(auxiliary_head, list | tuple):
            raise TypeError(
                f'{type(self).__name__} takes one auxiliary_head, its linear probe, '
                f'not {len(auxiliary_head)}'
            )
        super().__init__(*args, auxiliary_head=auxiliary_head, **kwargs)
        settings = ('mode', 'crop_size', 'stride', 'flip')
        check_keys('test_cfg', self.test_cfg, settings)
        needs_output_per_class(self)
        self.pairwise_loss = MODELS.build(pairwise_loss)
        self.balance_loss = None if balance_loss is None else MODELS.build(balance_loss)
        self.embedding_index = embedding_index
        check_choice('probe_features', probe_features, ('backbone', 'head'))
        self.probe_features = probe_features
        check_variant(variant)
        self.variant = variant
        _check_one_variant(variant, self.pairwise_loss, self.balance_loss)
        self.train_backbone = train_backbone
        self.backbone_frozen = not train_backbone
        if not train_backbone:
            for part in self._embedder():
                part.requires_grad_(False)
        counts = torch.zeros(self.num_classes, dtype=torch.int64)
        self.register_buffer('cluster_counts', counts, persistent=False)
        """Pixels that each cluster has won in training, of this process."""

    def init_weights(self) -> None:
        """Initialize, but refuse pretrained weights that do not fit the backbone."""
        check_pretrained(self.backbone)
        super().init_weights()

    def freeze_backbone(self, frozen: bool) -> None:
        """Compute the features without gradient, or with it.

        Raises:
            ValueError: The backbone was built not to learn.
        """
        if not frozen and not self.train_backbone:
            raise ValueError(
                'the backbone was built frozen; set model.train_backbone=True'
            )
        self.backbone_frozen = frozen

    def train(self, mode: bool = True) -> 'DiscriminativeClusteringSegmentor':
        """Set the mode of the heads; backbone and neck stay in eval mode."""
        super().train(mode)
        for part in self._embedder():
            part.eval()
        return self

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of images ``(N, 3, H, W)``; no gradient while frozen."""
        enabled = torch.is_grad_enabled() and not self.backbone_frozen
        with torch.set_grad_enabled(enabled):
            return super().extract_feat(inputs)

    def check_batch(
        self, inputs: Tensor, data_samples: SampleList, num_images: int
    ) -> None:
        """Raise a ValueError if the model cannot learn from such a batch.

        Args:
            inputs: Some pairs of it.
            data_samples: Their samples.
            num_images: Pairs of crops in the batch of one process.
        """
        _check_pairs(inputs, data_samples)
        self.pairwise_loss.check_batch(num_images)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: N preprocessed pairs of crops ``(N, 3, 2 H, W)``, see
                :class:`~mmseg_labelfree.datasets.transforms.OverlappingCropPair`.
            data_samples: N samples with ``crop_overlap`` in their metainfo; with a
                linear probe also ``gt_sem_seg`` (1, 2 H, W), 255 = ignored.

        Returns:
            ``clusters.*``: positive, negative and balance losses; ``probe.*``.
        """
        _check_pairs(inputs, data_samples)
        features = self.extract_feat(torch.cat(inputs.chunk(2, dim=2)))
        with recorded_inputs(classifier_entry(self.decode_head)) as codes:
            logits = self.decode_head(features)
        embeddings = features[self.embedding_index]
        if embeddings.shape[2:] != logits.shape[2:]:
            raise ValueError(
                f'embeddings of {tuple(embeddings.shape[2:])} and logits of '
                f'{tuple(logits.shape[2:])} pixels: embedding_index and '
                'decode_head.in_index must name feature maps of one size'
            )
        probabilities = logits.float().softmax(1)
        losses = self.pairwise_loss(probabilities.chunk(2), embeddings.chunk(2))
        if self.balance_loss is not None:
            balance = self.balance_loss(self._crops(probabilities))
            losses[self.balance_loss.loss_name] = balance
        if self.train_backbone and self.backbone_frozen:
            losses['loss_positive'] = losses['loss_positive'] + self._nothing()
        losses = add_prefix(losses, 'clusters')
        self._count(logits)
        if self.with_auxiliary_head:
            seen = self._probe_inputs(features, codes)
            losses.update(self._probe_loss(seen, data_samples))
        return losses

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Probabilities ``(N, K + P, H, W)`` of clusters and of the probe's classes."""
        logits = self._heads(inputs, batch_img_metas)
        if self.test_cfg.get('flip', False):
            mirrored = self._heads(inputs.flip(3), batch_img_metas)
            pairs = zip(logits, mirrored, strict=True)
            logits = [(a + b.flip(3)) / 2 for a, b in pairs]
        return torch.cat([part.float().softmax(1) for part in logits], dim=1)

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Log-probabilities, clusters first, then the probe's classes."""
        clusters = self.out_channels
        if self.with_auxiliary_head:  # mmseg's windows have room for out_channels
            self.out_channels += self.auxiliary_head.out_channels
        try:
            probabilities = super().inference(inputs, batch_img_metas)
        finally:
            self.out_channels = clusters
        return probabilities.clamp(min=torch.finfo(torch.float32).tiny).log()

    def postprocess_result(
        self, seg_logits: Tensor, data_samples: OptSampleList = None
    ) -> SampleList:
        """Predictions at the original size, with ``probe_sem_seg`` of a probe."""
        clusters = seg_logits[:, : self.out_channels]
        samples = super().postprocess_result(clusters, data_samples)
        if self.with_auxiliary_head:
            copies = [SegDataSample(metainfo=sample.metainfo) for sample in samples]
            probe = seg_logits[:, self.out_channels :]
            probed = super().postprocess_result(
                probe, None if data_samples is None else copies
            )
            for sample, other in zip(samples, probed, strict=True):
                field = PixelData(data=other.pred_sem_seg.data)
                sample.set_data(dict(probe_sem_seg=field))
        return samples

    def _embedder(self) -> list[nn.Module]:
        return [self.backbone, self.neck] if self.with_neck else [self.backbone]

    def _heads(self, inputs: Tensor, metas: list[dict]) -> list[Tensor]:
        """Logits of decode head and probe at the size of the images."""
        features = self.extract_feat(inputs)
        with recorded_inputs(classifier_entry(self.decode_head)) as codes:
            logits = [self.decode_head.predict(features, metas, self.test_cfg)]
        if self.with_auxiliary_head:
            seen = self._probe_inputs(features, codes)
            logits.append(self.auxiliary_head.predict(seen, metas, self.test_cfg))
        return logits

    def _crops(self, pairs: Tensor) -> Tensor:
        """What balance and probe see of ``(2 N, ...)``, first crops before second."""
        return pairs[: len(pairs) // 2] if self.variant == 'official' else pairs

    def _probe_inputs(
        self, features: Sequence[Tensor], codes: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        return codes if self.probe_features == 'head' else features

    def _probe_loss(
        self, features: Sequence[Tensor], data_samples: SampleList
    ) -> dict[str, Tensor]:
        labels = torch.stack([s.gt_sem_seg.data for s in data_samples])
        labels = self._crops(torch.cat(labels.chunk(2, dim=2)))
        crops = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
        logits = self.auxiliary_head([self._crops(f).detach() for f in features])
        return add_prefix(self.auxiliary_head.loss_by_feat(logits, crops), 'probe')

    @torch.no_grad()
    def _count(self, logits: Tensor) -> None:
        winners = logits.argmax(1).flatten()
        # Unlike torch.bincount, this does not wait for the device.
        self.cluster_counts.scatter_add_(0, winners, torch.ones_like(winners))

    def _nothing(self) -> Tensor:
        """Zero that reaches the resting parameters: DDP waits for all of them."""
        parts = [p for part in self._embedder() for p in part.parameters()]
        return 0 * torch.stack([p.sum() for p in parts]).sum()


def _check_one_variant(variant: Variant, *losses: nn.Module | None) -> None:
    for loss in losses:
        other = getattr(loss, 'variant', variant)
        if other != variant:
            raise ValueError(
                f'variant={variant!r} of the model and variant={other!r} of its '
                f'{type(loss).__name__} are two methods: set model.variant, '
                'model.pairwise_loss.variant and model.balance_loss.variant alike'
            )


def _check_pairs(inputs: Tensor, data_samples: SampleList) -> None:
    for sample in data_samples:
        if 'crop_overlap' not in sample.metainfo:
            raise ValueError(
                'a training sample is no pair of crops: use OverlappingCropPair, and '
                "'crop_overlap' in the meta_keys of PackSegInputs"
            )
        if sample.metainfo.get('img_shape', inputs.shape[2:]) != inputs.shape[2:]:
            raise ValueError(
                f'pairs of crops of {tuple(sample.metainfo["img_shape"])} are padded '
                f'to {tuple(inputs.shape[2:])}: choose a crop size that fits '
                'data_preprocessor.size_divisor, or size_divisor=1'
            )
