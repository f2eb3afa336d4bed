"""`python -m tools.github.lock`: pin what the bot's jobs install, each archive by its hash.

Those jobs may write to the repository, so that a package that somebody has taken over must not get
in by itself. The file holds what the runners take: wheels for Linux, and no PyTorch.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import Any

from zoo.core.errors import ZooError
from zoo.core.files import replacing
from zoo.core.registry import ZOO_FOLDER

ROOT = ZOO_FOLDER.parent
PAGE = ROOT / ".github/actions/install-bot/requirements.txt"
PYTHON = "3.11"  # of the jobs
# Settings of one's own machine play no part.
PIP = (
    *("--isolated", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"),
    *("--index-url", "https://pypi.org/simple", "--only-binary", ":all:"),
    *("--python-version", PYTHON, "--platform", "manylinux_2_28_x86_64"),
    *("--platform", "manylinux_2_17_x86_64"),
)
HEAD = """\
# What the bot's jobs install. Written by `python -m tools.github.lock` from pyproject.toml.
"""


def wanted() -> list[str]:
    """Requirements of the bot, and of building the zoo itself."""
    page = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = page["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["bot"]]
    named += page["build-system"]["requires"]
    return [one for one in named if not re.match(r"torch(vision)?\b", one)]


def main() -> None:
    """Write the file."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *PIP, *wanted()], capture_output=True, text=True
    )
    if done.returncode:
        raise ZooError(f"pip: {done.stderr.strip().splitlines()[-1]}")
    lines = sorted(map(_line, json.loads(done.stdout)["install"]), key=str.lower)
    with replacing(PAGE) as partial:
        partial.write_text("".join([HEAD, *lines]), encoding="utf-8")


def _line(item: dict[str, Any]) -> str:
    """A package as pip takes it, with the hash of the archive that it has chosen."""
    meta, digest = item["metadata"], item["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{meta['name']}=={meta['version']} \\\n    --hash=sha256:{digest}\n"


if __name__ == "__main__":
    main()
