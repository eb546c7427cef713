"""torch's operations on lists of tensors, a few kernels for a whole network.

Its optimizers are built on them; the names are private, so they stand only here.
"""

from torch import (
    _foreach_add_ as add_,
)
from torch import (
    _foreach_addcmul_ as addcmul_,
)
from torch import (
    _foreach_clamp_min_ as clamp_min_,
)
from torch import (
    _foreach_copy_ as copy_,
)
from torch import (
    _foreach_div as div,
)
from torch import (
    _foreach_lerp_ as lerp_,
)
from torch import (
    _foreach_mul as mul,
)
from torch import (
    _foreach_mul_ as mul_,
)
from torch import (
    _foreach_sub as sub,
)
from torch import (
    _foreach_zero_ as zero_,
)

__all__ = [
    'add_',
    'addcmul_',
    'clamp_min_',
    'copy_',
    'div',
    'lerp_',
    'mul',
    'mul_',
    'sub',
    'zero_',
]
