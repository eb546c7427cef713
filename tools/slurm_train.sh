#!/usr/bin/env bash
# Train on a Slurm cluster.
#
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG [ARGUMENTS OF tools/train.py ...]
#
# GPUS (default 4) is the number of GPUs in all, GPUS_PER_NODE (default: GPUS, at most 8)
# that of each machine and CPUS_PER_TASK (default 5) the CPU cores for each GPU.
# SRUN_ARGS holds further options of srun, separated by spaces.
set -euo pipefail

if [[ $# -lt 3 ]]; then
    echo 'usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG' \
        '[ARGUMENTS OF tools/train.py ...]' >&2
    exit 2
fi
partition=$1
job_name=$2
config=$3
shift 3

gpus=${GPUS:-4}
gpus_per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
read -r -a srun_args <<< "${SRUN_ARGS:-}"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

exec srun \
    --partition="$partition" \
    --job-name="$job_name" \
    --gres="gpu:$gpus_per_node" \
    --ntasks="$gpus" \
    --ntasks-per-node="$gpus_per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    "${srun_args[@]}" \
    python -u "$root/tools/train.py" "$config" --launcher slurm "$@"
