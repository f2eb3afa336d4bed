"""How the cost of a comparison grows, beside copydetect where it is installed.

`python -m tools.originality.benchmark` takes 10, 100, 1,000 and 10,000 of the files of installed
packages, indexes them, and then compares one new submission (a disguised copy of `made`) with all
of them. copydetect keeps no index: what it takes to read the files comes before every comparison.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tools.originality.compare import Comparison
from tools.originality.index import opened
from tools.originality.sources import Document, Piece, references
from tools.originality.tests.corpus import models
from tools.originality.tests.disguises import disguised
from tools.text import table

SIZES = (10, 100, 1000, 10_000)


def files(number: int) -> list[Path]:
    """So many files of installed packages, always the same ones, from 2 to 40 kB."""
    found = sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.py"))
    wanted = [path for path in found if 2000 < path.stat().st_size < 40_000]
    random.Random(0).shuffle(wanted)
    return wanted[:number]


def ours(paths: list[Path], new: Path) -> dict[str, float]:
    """Seconds to index the files, and to compare a new one with them; bytes of the index."""
    with tempfile.TemporaryDirectory() as folder:
        index_path = Path(folder, "index.sqlite")
        start = time.perf_counter()
        with opened(index_path) as index:
            index.add(Document("made", "1502.03509", pieces=[Piece("m", models()["made"])]))
            for number, path in enumerate(paths):
                text = path.read_text(encoding="utf-8", errors="replace")
                try:
                    index.add(Document(f"{number}", f"{number}", pieces=[Piece(str(path), text)]))
                except (SyntaxError, ValueError):
                    continue
        built = time.perf_counter()
        with opened(index_path) as index:
            (document,) = references(new.parent)
            document.paper = "1502.03509"
            index.add(document)
            comparison = Comparison(index)
            pairs = comparison.pairs([comparison.number(document.name)])
            assert [comparison.documents[pair.first].name for pair in pairs] == ["made"]
        done = time.perf_counter()
        size = index_path.stat().st_size
    return {"index": built - start, "one new": done - built, "MB": size / 1e6}


def theirs(paths: list[Path], new: Path) -> dict[str, float]:
    """Seconds of copydetect to read the files, and then to compare a new one with each."""
    from copydetect import CodeFingerprint, compare_files

    start = time.perf_counter()
    known = [CodeFingerprint(str(path), 25, 1) for path in paths]
    read = time.perf_counter()
    one = CodeFingerprint(str(new), 25, 1)
    for other in known:
        compare_files(one, other)
    return {"index": read - start, "one new": time.perf_counter() - read}


def _measure(tool: str, number: int) -> dict[str, float]:
    """One measurement in a process of its own, whose peak of memory is its own too."""
    command = [sys.executable, "-W", "ignore", "-m", "tools.originality.benchmark", tool]
    done = subprocess.run([*command, str(number)], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def _worker(tool: str, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder, "submission.py")
        new.write_text(disguised(models()["made"], "dead code", 0), encoding="utf-8")
        found = {"ours": ours, "theirs": theirs}[tool](files(number), new)
    found["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps(found))


def main() -> None:
    """Print the table: seconds to take the files in and to compare one, file of the index, peak."""
    rows = [["files", "tool", "take in", "one new", "index file", "peak"]]
    for number in SIZES:
        for tool, name in (("ours", "zoo originality"), ("theirs", "copydetect")):
            if found := _measure(tool, number):
                size = f"{found['MB']:.1f} MB" if "MB" in found else "none"
                times = [f"{found['index']:.2f} s", f"{found['one new']:.3f} s"]
                rows.append([f"{number:,}", name, *times, size, f"{found['peak MB']:.0f} MB"])
    print(table(rows))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _worker(sys.argv[1], int(sys.argv[2]))
    else:
        main()
