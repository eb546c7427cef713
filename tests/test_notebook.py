"""The notebook runs from its first cell to its last, with less training."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / 'demo/semi_supervised.ipynb'


def test_outputs_are_small_and_of_a_run_without_errors():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert NOTEBOOK.stat().st_size < 500_000
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert 'error' not in kinds and 'display_data' in kinds


@pytest.mark.slow
def test_notebook_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (settings,) = (
        cell for cell in notebook.cells if 'parameters' in cell.metadata.get('tags', ())
    )
    settings.source += f"\niterations = 4\nfolder = Path({str(tmp_path)!r}, 'run')"
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name='python3',
        resources={'metadata': {'path': NOTEBOOK.parent}},
    )
    client.execute()
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get('outputs', ())
        if 'image/png' in output.get('data', {})
    ]
    assert len(pictures) == 3
