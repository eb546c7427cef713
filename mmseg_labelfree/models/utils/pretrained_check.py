"""Check of pretrained weights against the architecture."""

from mmengine.model import BaseModule

from ...utils.checkpoint import load_weights

__all__ = ['check_pretrained']


def check_pretrained(module: BaseModule) -> None:
    """Compare the file of ``module.init_cfg`` with the module, tensor by tensor.

    MMEngine logs what does not fit and goes on with random weights, which no loss
    shows when the module is frozen. Does nothing without ``type='Pretrained'``.
    Tensors that only the file has are left alone, a position embedding of another
    length is what backbones resize, and counters of batch norm may be missing.

    Args:
        module: A backbone, before ``init_weights``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A tensor is missing or has another shape.
    """
    cfgs = module.init_cfg if isinstance(module.init_cfg, list) else [module.init_cfg]
    for cfg in cfgs:
        if not cfg or cfg['type'] != 'Pretrained':
            continue
        weights, _, filename = load_weights(cfg['checkpoint'])
        for name in filter(None, ('module', cfg.get('prefix'))):
            prefix = f'{name.rstrip(".")}.'  # MMEngine takes it with and without dot
            if any(k.startswith(prefix) for k in weights):
                weights = {
                    k.removeprefix(prefix): v
                    for k, v in weights.items()
                    if k.startswith(prefix)
                }
        own = module.state_dict()
        missing = [
            k for k in own if k not in weights and not k.endswith('num_batches_tracked')
        ]
        shapes = [
            f'{k} is {tuple(weights[k].shape)}, not {tuple(own[k].shape)}'
            for k in own
            if k in weights
            and weights[k].shape != own[k].shape
            and not k.endswith('pos_embed')
        ]
        faults = [
            f'{kind}: {", ".join(names[:3])}'
            + (f' and {len(names) - 3} more' if len(names) > 3 else '')
            for kind, names in (('missing keys', missing), ('wrong shapes', shapes))
            if names
        ]
        if faults:
            raise ValueError(
                f'{filename}: not the weights of this {type(module).__name__}; '
                f'{"; ".join(faults)}. Convert the file by tools/model_converters, '
                'or correct backbone.init_cfg or the architecture'
            )
