"""Decode head of SPNet: any other head, classifying by class embeddings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import BaseModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...datasets.class_embeddings import class_embeddings
from ...ops.reliability import logit_pixels
from ...utils.choices import check_choice, check_names
from ...utils.framework_compat import add_state_dict_hook
from ..layers.semantic_projection import SemanticProjection
from ..losses.pixel_losses import losses_of, pixel_losses

_SETS = ('all', 'seen', 'unseen')


@MODELS.register_module()
class SemanticProjectionHead(BaseModule):
    r"""Decode head that scores pixels by the inner product with class embeddings.

    SPNet (Xian et al., CVPR 2019; STRICT, eq. 1-3, https://arxiv.org/abs/2104.11692).
    A decode head of any type computes its features
    as ever; its classifier ``conv_seg`` becomes a
    :class:`~mmseg_labelfree.models.layers.SemanticProjection`, a linear map into the
    space of the class embeddings and a product with them. A class needs no training
    pixel, only a vector, so the classes can be changed when the network is run::

        with head.using('unseen') as classes:
            labels = classes[head(features).argmax(1)]

    Parameters and checkpoints have the names of the inner head, with the classifier's
    kernels for all classes as ``conv_seg.weight``: a stock config with that inner head
    in place of this one loads them (and reports ``conv_seg.embed.*`` as not needed).

    Label 254 (unlabeled) and classes outside the set count as ignored.

    Args:
        head: Config of the inner decode head, without ``num_classes``. Its last
            layer must be ``conv_seg``. SPNet's is ``DeepLabV2Head``.
        embeddings: See
            :func:`~mmseg_labelfree.datasets.class_embeddings.class_embeddings`.
        classes: Names of all classes, in the order of the labels.
        unseen: Those without training labels.
        num_classes: Only checked against ``classes``.
        train_classes: Set of the softmax in :meth:`loss`: 'seen' is SPNet's
            training (STRICT, eq. 2), 'all' self-training.
        test_classes: Set in :meth:`predict`: 'all' (STRICT, eq. 3), or 'unseen', the
            task without seen classes. Others get a score below any.
        loss_size: Resolution of the loss: 'image' or, as in the authors' code,
            that of the 'logits', where each has the label of the pixel in its middle
            (:func:`~mmseg_labelfree.ops.logit_pixels`), whatever ``align_corners``
            says about the resizing of scores at test.

    Raises:
        FileNotFoundError, ValueError: See ``class_embeddings``; a set is unknown or
            empty, ``unseen`` is no class, or the inner head has no ``conv_seg``.

    Example:
        ``decode_head=dict(type='SemanticProjectionHead', embeddings='vectors.npz',
        classes=['cat', 'dog'], unseen=['dog'], head=dict(type='FCNHead', ...))``
    """

    def __init__(
        self,
        head: dict,
        embeddings: Any,
        classes: Sequence[str],
        unseen: Sequence[str] = (),
        num_classes: int | None = None,
        train_classes: str = 'all',
        test_classes: str = 'all',
        loss_size: str = 'image',
    ) -> None:
        super().__init__()
        check_names(classes=classes, unseen=unseen)
        self.classes = tuple(classes)
        self.unseen = tuple(unseen)
        lacking = [name for name in unseen if name not in self.classes]
        if lacking:
            raise ValueError(f'unseen names {lacking}, which are not in `classes`')
        if num_classes not in (None, len(self.classes)):
            raise ValueError(
                f'num_classes={num_classes}, but `classes` has '
                f'{len(self.classes)} names'
            )
        check_choice('loss_size', loss_size, ('image', 'logits'))
        hidden = [name in self.unseen for name in self.classes]
        self._sets = {
            'all': list(range(len(hidden))),
            'seen': [c for c, h in enumerate(hidden) if not h],
            'unseen': [c for c, h in enumerate(hidden) if h],
        }
        self.train_classes = self._checked(train_classes)
        self.test_classes = self._checked(test_classes)
        self.loss_size = loss_size
        vectors = torch.from_numpy(class_embeddings(embeddings, self.classes))
        self.head = self._build(head, vectors)
        self._register_label_tables()
        add_state_dict_hook(self, _without_inner_prefix)

    def _build(self, head: dict, vectors: Tensor) -> BaseDecodeHead:
        inner = MODELS.build(dict(head, num_classes=vectors.shape[1]))
        if not isinstance(getattr(inner, 'conv_seg', None), nn.Module):
            raise ValueError(
                f'{type(inner).__name__} has no layer conv_seg, which '
                'SemanticProjectionHead replaces; use another `head`'
            )
        sets = {name: self._sets[name] for name in ('seen', 'unseen')}
        inner.conv_seg = SemanticProjection(inner.conv_seg, vectors, sets)
        inner.num_classes = inner.out_channels = len(vectors)
        return inner

    def _register_label_tables(self) -> None:
        """Channel of each label in each set, ``ignore_index`` where it has none."""
        for name, members in self._sets.items():
            table = torch.full((256,), self.ignore_index)
            table[members] = torch.arange(len(members))
            self.register_buffer(f'channel_{name}', table, persistent=False)

    def _checked(self, class_set: str) -> str:
        check_choice('class_set', class_set, _SETS)
        if not self._sets[class_set]:
            raise ValueError(
                f'there are no {class_set} classes: correct `unseen` of '
                'SemanticProjectionHead'
            )
        return class_set

    @property
    def class_set(self) -> str:
        """Set whose scores :meth:`forward` gives: 'all', 'seen' or 'unseen'."""
        return self.head.conv_seg.class_set or 'all'

    @class_set.setter
    def class_set(self, name: str) -> None:
        self.head.conv_seg.class_set = None if self._checked(name) == 'all' else name

    @property
    def labels_at_corners(self) -> bool:
        """Whether the corner logits have the labels of the corner pixels."""
        return self.loss_size == 'logits' or self.align_corners

    @contextmanager
    def using(self, class_set: str) -> Iterator[Tensor]:
        """Score only the classes of a set inside the context.

        Yields:
            Their indices, int64, in the order of the channels.
        """
        before = self.class_set
        self.class_set = class_set
        try:
            yield self.head.conv_seg.classes()
        finally:
            self.class_set = before

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute scores (N, classes of the set, h, w), sized as the inner head's."""
        return self.head(inputs)

    def loss(
        self, inputs: Sequence[Tensor], batch_data_samples: SampleList, train_cfg: dict
    ) -> dict[str, Tensor]:
        """Compute losses over ``train_classes``; arguments as in ``BaseDecodeHead``."""
        with self.using(self.train_classes):
            return self.loss_by_feat(self.forward(inputs), batch_data_samples)

    def loss_by_feat(
        self,
        seg_logits: Tensor,
        batch_data_samples: SampleList,
        weight: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the inner head's ``loss_decode`` over the classes of the current set.

        Args:
            seg_logits: Scores of the current set (N, C, h, w).
            batch_data_samples: Samples with labels of all classes, 254 or 255.
            weight: Factor of each pixel in the loss (N, H, W).
        """
        labels = torch.stack([s.gt_sem_seg.data for s in batch_data_samples])
        labels = getattr(self, f'channel_{self.class_set}')[labels]
        if self.loss_size == 'logits':
            size = seg_logits.shape[2:]
            labels = logit_pixels(labels, size)
            if weight is not None:
                weight = logit_pixels(weight, size)
        elif self.head.sampler is not None:
            seg_logits = resize(
                seg_logits,
                labels.shape[2:],
                mode='bilinear',
                align_corners=self.align_corners,
            )
        if self.head.sampler is not None:
            sampled = self.head.sampler.sample(seg_logits, labels)
            weight = sampled if weight is None else weight * sampled
        return pixel_losses(
            losses_of(self.head),
            seg_logits,
            labels[:, 0],
            self.ignore_index,
            self.align_corners,
            weight,
        )

    def predict(
        self, inputs: Sequence[Tensor], batch_img_metas: list[dict], test_cfg: dict
    ) -> Tensor:
        """Compute scores (N, num_classes, H, W); arguments as in ``BaseDecodeHead``."""
        with self.using(self.test_classes) as classes:
            scores = self.predict_by_feat(self.forward(inputs), batch_img_metas)
        if self.test_classes == 'all':
            return scores
        # Not infinite, nor is the sum over windows: infinity times a weight of 0 in a
        # later resizing is no number.
        lowest = max(torch.finfo(scores.dtype).min / 2, -1e30)
        shape = (len(scores), self.num_classes, *scores.shape[2:])
        return scores.new_full(shape, lowest).index_copy_(1, classes, scores)

    def predict_by_feat(
        self, seg_logits: Tensor, batch_img_metas: list[dict]
    ) -> Tensor:
        """Resize scores to the size of the input, as the inner head does."""
        return self.head.predict_by_feat(seg_logits, batch_img_metas)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        for key in [k for k in state_dict if k.startswith(prefix)]:
            state_dict[f'{prefix}head.{key[len(prefix) :]}'] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)

    # What segmentors and hooks read from a decode head.
    num_classes = property(lambda self: self.head.num_classes)
    out_channels = property(lambda self: self.head.out_channels)
    align_corners = property(lambda self: self.head.align_corners)
    ignore_index = property(lambda self: self.head.ignore_index)
    threshold = property(lambda self: self.head.threshold)
    dropout = property(lambda self: self.head.dropout)
    conv_seg = property(lambda self: self.head.conv_seg)


def _without_inner_prefix(
    module: nn.Module, state_dict: dict, prefix: str, local_metadata: dict
) -> None:
    """Name weights as the inner head would."""
    inner = f'{prefix}head.'
    for key in [k for k in state_dict if k.startswith(inner)]:
        state_dict[prefix + key[len(inner) :]] = state_dict.pop(key)
