"""Tables and curves of finished protocols."""

from .reports import print_table, write_report

__all__ = ['print_table', 'write_report']
