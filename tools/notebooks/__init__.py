"""Executing notebooks; light to import, because papermill runs in worker processes."""

from tools.notebooks.results import Failure, NotebookResult
from tools.notebooks.runner import run_notebook, run_notebooks

__all__ = ["Failure", "NotebookResult", "run_notebook", "run_notebooks"]
