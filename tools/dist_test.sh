#!/usr/bin/env bash
# Test a checkpoint on several GPUs of one machine, or of several machines.
#
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF tools/test.py ...]
#
# GPUS counts those of this machine. With several machines, run it on each of them with
# NNODES, NODE_RANK (0, 1, ...), MASTER_ADDR (address of machine 0) and PORT set.
set -euo pipefail

if [[ $# -lt 3 ]]; then
    echo 'usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS' \
        '[ARGUMENTS OF tools/test.py ...]' >&2
    exit 2
fi
config=$1
checkpoint=$2
gpus=$3
shift 3

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

exec python -m torch.distributed.run \
    --nnodes "${NNODES:-1}" \
    --node-rank "${NODE_RANK:-0}" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" \
    --master-port "${PORT:-29500}" \
    --nproc-per-node "$gpus" \
    "$root/tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
