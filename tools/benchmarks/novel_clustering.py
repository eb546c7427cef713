"""Time from the images' features to their clusters, as in the clustering stage of EUMS.

The features are random: groups of directions with noise, non-negative like those behind
a ReLU, and of unequal lengths. Normalization, PCA, whitening and all starts of
k-means are timed, after one small run that imports scikit-learn. The time of the
processor says what the clock would beside no other work.

Example:
    python tools/benchmarks/novel_clustering.py --images 10000 --dim 2048
"""

import argparse
import os
import time


def parse_args():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=10000)
    parser.add_argument('--dim', type=int, default=2048, help='channels of them')
    parser.add_argument('--clusters', type=int, default=40)
    parser.add_argument('--pca-dim', type=int, default=32)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeats', type=int, default=3)
    return parser.parse_args()


def main(args):
    """Time the clustering and print one line a repeat."""
    import numpy as np

    from mmseg_labelfree.ops.feature_clustering import class_agreement, cluster_features

    rng = np.random.default_rng(0)
    groups = np.abs(rng.normal(size=(args.clusters, args.dim))).astype(np.float32)
    classes = rng.integers(0, args.clusters, args.images)
    features = groups[classes]
    features += np.abs(rng.normal(size=features.shape)).astype(np.float32)
    features *= rng.uniform(1, 1e5, (args.images, 1)).astype(np.float32)
    cluster_features(features[:500], 2)
    for _ in range(args.repeats):
        start, cpu_start = time.perf_counter(), time.process_time()
        result = cluster_features(features, args.clusters, args.pca_dim)
        seconds = time.perf_counter() - start
        cpu_seconds = time.process_time() - cpu_start
        purity = class_agreement(result.assignment, classes)['purity']
        print(
            f'{args.images} x {args.dim}, {args.clusters} clusters, {args.threads} '
            f'threads: {seconds:.2f} s, {cpu_seconds:.2f} s of CPU '
            f'(purity {purity:.1f} %)'
        )


if __name__ == '__main__':
    arguments = parse_args()
    # Libraries read it when they are loaded.
    os.environ['OMP_NUM_THREADS'] = str(arguments.threads)
    os.environ['OPENBLAS_NUM_THREADS'] = str(arguments.threads)
    main(arguments)
