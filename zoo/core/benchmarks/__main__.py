"""Print the benchmark report as a Markdown table."""

from __future__ import annotations

import platform

import torch

from zoo.core.benchmarks import loop, sampling, start


def main() -> None:
    """Measure everything; takes a minute or two."""
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {threads} threads\n")
    print("| what | figure | note |\n|---|---|---|")
    for part in (start, loop, sampling):
        for row in part.rows():
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
