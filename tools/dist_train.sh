#!/usr/bin/env bash
# Train on several GPUs of one machine, or of several machines.
#
#   tools/dist_train.sh CONFIG GPUS [ARGUMENTS OF tools/train.py ...]
#
# GPUS counts those of this machine. With several machines, run it on each of them with
# NNODES, NODE_RANK (0, 1, ...), MASTER_ADDR (address of machine 0) and PORT set.
set -euo pipefail

if [[ $# -lt 2 ]]; then
    echo 'usage: tools/dist_train.sh CONFIG GPUS [ARGUMENTS OF tools/train.py ...]' >&2
    exit 2
fi
config=$1
gpus=$2
shift 2

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

exec python -m torch.distributed.run \
    --nnodes "${NNODES:-1}" \
    --node-rank "${NODE_RANK:-0}" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" \
    --master-port "${PORT:-29500}" \
    --nproc-per-node "$gpus" \
    "$root/tools/train.py" "$config" --launcher pytorch "$@"
