"""Report of a finished run."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...utils.checkpoint import CONFIG
from ...utils.console import complain, keep_in_file, say
from ...utils.metafile import published_result
from ...utils.provenance import config_settings
from ...visualization.page import write_page
from ...visualization.reports import print_table, write_report
from .base import Protocol, Stage
from .progress import format_seconds

__all__ = ['report_run', 'sparing_results']


def report_run(
    cfg: Config,
    protocol: Protocol,
    stages: Sequence[Stage],
    finished: Mapping[str, Mapping],
) -> None:
    """Write the results of a run into its work dir, and print them.

    ``report.html`` shows what the other files hold. What goes wrong with it is one
    line on the console, with its traceback in the log.

    Args:
        cfg: Config of the run.
        protocol: Its protocol.
        stages: All stages.
        finished: Contents of ``finished.json`` of the finished ones, by stage.
    """
    work_dir = Path(cfg.work_dir)
    columns = protocol.table_columns([f['metrics'] for f in finished.values()])
    published = None
    with sparing_results(f'{work_dir}/results.md, its published row,'):
        published = published_result(cfg)  # reads files, which may have changed
    content: dict[str, Any] = dict(
        results=finished,
        columns=columns,
        title=_title(cfg),
        published=published,
        folders={s.name: s.cfg.work_dir for s in stages},
    )
    write_report(work_dir, **content)
    with sparing_results(work_dir / 'report.html'):
        settings = config_settings(Path(cfg.filename), cfg) if cfg.filename else ()
        write_page(work_dir, **content, settings=settings)
    print_table(finished, columns, published)
    seconds = sum(f['seconds'] for f in finished.values())
    say(
        f'{len(finished)} of {len(stages)} stages finished in '
        f'{format_seconds(seconds)}; results are in {work_dir}/results.md, with '
        'pictures in report.html'
    )


@contextmanager
def sparing_results(path: str | os.PathLike) -> Iterator[None]:
    """Context of pictures, an error in which is a warning: the results stand.

    Args:
        path: What is missing then, a file as a rule.
    """
    try:
        yield
    except Exception as error:  # no picture is worth a result
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())
        complain(f'Warning: {path} is not there or not complete: {reason}')
        keep_in_file(f'{path} failed', logging.WARNING, exc_info=True)


def _title(cfg: Config) -> str:
    file = Path(cfg.filename or cfg.work_dir)
    return Path(cfg.work_dir).name if file.name == CONFIG else file.stem
