"""Tables and curves of finished protocols; pictures of images, maps and clusters."""

from .cluster_history import write_cluster_comparison, write_cluster_history
from .clusters import write_cluster_scatter
from .entropy_histogram import write_entropy_histogram
from .page import write_page
from .panels import write_panels
from .reports import print_table, write_report, write_results

__all__ = [
    'print_table',
    'write_cluster_comparison',
    'write_cluster_history',
    'write_cluster_scatter',
    'write_entropy_histogram',
    'write_page',
    'write_panels',
    'write_report',
    'write_results',
]
