"""Holds important parameters where the previous step left them: EWC, PI and RW."""

from typing import Any, Literal

import torch
from mmengine.hooks import Hook, LoggerHook
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn
from torch.optim import Optimizer

from ...utils.distributed import bare_model
from .importance_penalty import (
    ENTRY,
    ImportancePenalty,
    check_kind,
    read_previous,
)
from .importance_recorders import (
    FisherRecorder,
    ImportanceRecorder,
    PathIntegralRecorder,
    RiemannianWalkRecorder,
    State,
)


@HOOKS.register_module()
class ParameterImportanceHook(Hook):
    r"""Record the importance of parameters, and penalise changing important ones.

    The prior-focused baselines EWC, PI and RW of Modeling the Background (section
    6.2.1, https://arxiv.org/abs/2002.00718; see
    :mod:`mmseg_labelfree.ops.parameter_importance`). During a step the hook records
    the importance of every trainable parameter, and each checkpoint carries it as the
    entry ``parameter_importance``. In a later step it adds the gradient of

    .. math:: weight \cdot \sum_i \Omega_i (\theta_i - \theta_i^*)^2

    to every update, where :math:`\Omega` and :math:`\theta^*` are the importance and
    the weights in the previous step's checkpoint. Rows that a classifier
    (``*.conv_seg``) has gained have no penalty, nor has a parameter without importance
    in that checkpoint. Only the parameters count, not the statistics of batch norm.

    The hook acts right before and after ``optimizer.step()``. There the gradient is
    that of the task alone, summed over accumulated iterations, averaged over DDP's
    processes, unscaled by ``AmpOptimWrapper`` and clipped, if the optimizer wrapper is
    told to; an update skipped for overflow is not seen. The penalty's gradient is
    added after all that, so it is neither clipped nor part of the logged
    ``grad_norm``. With averaged gradients all processes have the same state, and
    nothing has to be exchanged. The state has the device and dtype of the parameters.

    ``train/importance_penalty`` is logged at the logger's interval, as it is after
    the update. A large penalty needs small updates: SGD with Nesterov momentum 0.9
    diverges where ``2 * weight * lr`` times a parameter's importance is above 1.36.

    Args:
        importance (str): 'ewc', 'pi' or 'rw'.
        weight (float): Factor on the penalty; 500 for EWC and PI and 100 for RW in
            the authors' code.
        checkpoint (str, optional): Checkpoint of the previous step, or its
            ``work_dir``. None, for the first step, only records.
            ``ClassIncrementalProtocol`` sets it.
        alpha (float): Weight of the newest squared gradient in the Fisher diagonal of
            EWC and RW. Defaults to 0.9, as in the authors' code.
        interval (int): Updates between two scores of RW. Defaults to 10, as in the
            authors' code.
        eps (float): Added to the denominators of PI's and RW's scores. Defaults to
            1e-7.
        normalize (bool): Scale each map of importance to 0..1 within each parameter,
            as the authors' code does: the weights above are in these units. RW adds
            two maps, so its importance reaches 2. Defaults to True.

    Raises:
        ValueError: An argument is out of range; the previous checkpoint, or the one
            to resume from, has no importance, that of another kind, or of other
            parameters; or mixed precision uses an optimizer with ``fused=True``,
            which unscales gradients too late.
        FileNotFoundError: There is no such checkpoint.
        TypeError: The optimizer wrapper is not a plain ``OptimWrapper``.

    Example:
        ``custom_hooks=[dict(type='ParameterImportanceHook', importance='ewc',
        weight=500.)]``
    """

    def __init__(
        self,
        importance: Literal['ewc', 'pi', 'rw'],
        weight: float,
        checkpoint: str | None = None,
        alpha: float = 0.9,
        interval: int = 10,
        eps: float = 1e-7,
        normalize: bool = True,
    ) -> None:
        if importance not in ('ewc', 'pi', 'rw'):
            raise ValueError(
                f"importance must be 'ewc', 'pi' or 'rw', not {importance!r}"
            )
        if not weight >= 0:
            raise ValueError(f'weight must not be negative, got {weight}')
        if not 0 < alpha <= 1:
            raise ValueError(f'alpha must be above 0 and at most 1, got {alpha}')
        if interval < 1:
            raise ValueError(f'interval must be at least 1, got {interval}')
        if not eps > 0:
            raise ValueError(f'eps must be positive, got {eps}')
        self.importance = importance
        self.weight = weight
        self.checkpoint = checkpoint
        self.alpha = alpha
        self.interval = interval
        self.eps = eps
        self.normalize = normalize
        self._loaded: dict | None = None
        self._handles: list = []
        self._detach()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what was recorded, for the case that training is being resumed."""
        self._loaded = checkpoint.get(ENTRY)

    def before_train(self, runner: Runner) -> None:
        """Refuse an optimizer that the hook cannot follow."""
        wrapper = runner.optim_wrapper
        if isinstance(wrapper, OptimWrapperDict) or not isinstance(
            wrapper, OptimWrapper
        ):
            raise TypeError(
                'ParameterImportanceHook follows one optimizer in an OptimWrapper, but '
                f'optim_wrapper is {type(wrapper).__name__}: use a plain OptimWrapper, '
                'or remove the hook'
            )
        if isinstance(wrapper, AmpOptimWrapper) and getattr(
            wrapper.optimizer, '_step_supports_amp_scaling', False
        ):
            raise ValueError(
                'ParameterImportanceHook sees scaled gradients if the optimizer is '
                'fused: set fused=False in optim_wrapper.optimizer'
            )
        self._detach()

    def before_train_epoch(self, runner: Runner) -> None:
        """Start to record.

        Not earlier, because only now have all hooks set weights and memory layout.
        """
        if self._recorder is not None:
            return
        model = bare_model(runner.model)
        resumed, self._loaded = self._loaded, None
        if runner.iter == 0:
            resumed = None  # the checkpoint was only loaded, as with `load_from`
        elif resumed is None:
            raise ValueError(
                f'the checkpoint to resume from has no entry {ENTRY!r}: it was trained '
                'without ParameterImportanceHook; train this step from its start'
            )
        self.attach(model, runner.optim_wrapper.optimizer, resumed)
        if self.checkpoint is not None:
            runner.logger.info(f'Parameter importance loaded from {self.checkpoint}.')

    def attach(
        self, model: nn.Module, optimizer: Optimizer, resumed: dict | None = None
    ) -> None:
        """Act on every ``optimizer.step()`` from now on.

        Args:
            model: The bare model, with its weights at the start of the step, or of the
                resumed training.
            optimizer: Its optimizer.
            resumed: What :meth:`entry` returned before the interruption.
        """
        named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._names, self._params = list(named), list(named.values())
        if self.checkpoint is not None:
            self._old, tensors = read_previous(
                self.checkpoint, self.importance, named, self.normalize
            )
            if self.weight and tensors[0]:
                self._penalty = ImportancePenalty(*tensors, self.weight)
        self._recorder = self._build_recorder()
        if resumed is not None:
            self._restore(resumed)
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]

    @torch.no_grad()
    def entry(self) -> dict[str, Any]:
        """The checkpoint entry: importance for the next step, state for resuming."""
        recorder = self._recorder
        state = {k: [t.cpu() for t in v] for k, v in recorder.state.items()}
        maps = recorder.importance(state, self._old)
        state, maps = (
            {k: dict(zip(self._names, v, strict=True)) for k, v in lists.items()}
            for lists in (state, maps)
        )
        return dict(
            importance=self.importance,
            maps=maps,
            state=state,
            num_updates=recorder.num_updates,
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the importance so far."""
        if self._recorder is not None:
            checkpoint[ENTRY] = self.entry()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Note the value of the penalty where the logger is going to ask for it."""
        if self._penalty is None:
            return
        for hook in runner.hooks:
            if isinstance(hook, LoggerHook) and self.every_n_inner_iters(
                batch_idx, hook.interval
            ):
                value = self._penalty.value().item()
                runner.message_hub.update_scalar('train/importance_penalty', value)

    def after_run(self, runner: Runner) -> None:
        """Leave the optimizer alone."""
        self._detach()

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._names: list[str] = []
        self._params: list[Tensor] = []
        self._active: list[int] = []
        self._old: State = {}
        self._penalty: ImportancePenalty | None = None
        self._recorder: ImportanceRecorder | None = None

    @torch.no_grad()
    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        self._active = [i for i, p in enumerate(self._params) if p.grad is not None]
        if self._active:
            self._recorder.before_update(self._active)
        if self._penalty is not None:
            self._penalty.add_gradient()

    @torch.no_grad()
    def _after_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        if self._active:
            self._recorder.after_update(self._active)

    def _build_recorder(self) -> ImportanceRecorder:
        if self.importance == 'ewc':
            return FisherRecorder(self._params, self.alpha)
        if self.importance == 'pi':
            return PathIntegralRecorder(self._params, self.eps)
        return RiemannianWalkRecorder(self._params, self.alpha, self.interval, self.eps)

    def _restore(self, entry: dict) -> None:
        check_kind(entry, self.importance, 'the checkpoint to resume from')
        for key, tensors in self._recorder.state.items():
            saved = entry['state'][key]
            if set(saved) != set(self._names):
                raise ValueError(
                    'the checkpoint to resume from has other trainable parameters than '
                    f'the model: {sorted(set(saved) ^ set(self._names))[:5]}'
                )
            for name, tensor in zip(self._names, tensors, strict=True):
                tensor.copy_(saved[name])
        self._recorder.num_updates = entry['num_updates']
