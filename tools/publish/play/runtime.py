"""onnxruntime-web, which runs exported models in a browser: one script and one WebAssembly file.

Version 1.18.0 on purpose. It is the last whose WebAssembly needs no shared memory and whose script
is a classic one: it runs on a page opened from disk, without the headers that threads ask for, and
under a policy that allows no script but the site's own. Later versions import an ES module and are
a third larger.

The files come from npm's registry, are checked against the digests below and kept in the cache.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from zoo.core.errors import ZooError
from zoo.core.files import replacing

VERSION = "1.18.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
INTEGRITY = (
    "sha512-o1UKj4ABIj1gmG7ae0RKJ3/GT+3yoF0RRpfDfeoe0huz"
    "RW4FDRLfbkDETmdFAvnJEXuYDE0YT+hhkia0352StQ=="
)
SCRIPT, WASM = "ort.wasm-core.min.js", "ort-wasm-simd.wasm"
SHA256 = {
    SCRIPT: "9f26054b7e08ff6e04a4320232c846c7900a93ecd50ada560281b00bfc4d730c",
    WASM: "f533b5f21790563d7556c611c3835ac65848ee326da2689aac54ed7d9cc8c6a4",
}
_LIMIT = 64 * 2**20  # bytes of the archive at most


@dataclass(frozen=True)
class Runtime:
    """The files of onnxruntime-web, and the texts that go with every copy.

    Attributes:
        script: the classic script that defines `ort`.
        wasm: WebAssembly with SIMD, for one thread.
        licences: texts by file name.
    """

    script: bytes
    wasm: bytes
    licences: dict[str, bytes]


def load_runtime(cache: Path) -> Runtime:
    """The runtime from the cache, downloaded first where it is not there or damaged.

    Raises:
        ZooError: it cannot be had, or is not what its digest promises.
    """
    folder = cache / f"onnxruntime-web-{VERSION}"
    if not all(_is_whole(folder / name) for name in SHA256):
        archive = _download()
        for name in SHA256:
            with replacing(folder / name) as partial:
                partial.write_bytes(_extracted(archive, name))
    script, wasm = ((folder / name).read_bytes() for name in (SCRIPT, WASM))
    return Runtime(script, wasm, _licences())


def _is_whole(path: Path) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == SHA256[path.name]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _download() -> bytes:
    try:
        with urllib.request.urlopen(URL, timeout=60) as answer:
            archive = answer.read(_LIMIT)
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or error
        raise ZooError(
            f"onnxruntime-web {VERSION} cannot be downloaded ({reason}): connect to the internet "
            "once, then zoo publish site"
        ) from None
    algorithm, _, wanted = INTEGRITY.partition("-")
    if base64.b64encode(hashlib.new(algorithm, archive).digest()).decode() != wanted:
        raise ZooError(f"{URL} is not the file that was pinned: nothing of it is used")
    return archive


def _extracted(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as package:
        member = package.extractfile(f"package/dist/{name}")
        content = member.read() if member else b""
    if _digest(content) != SHA256[name]:
        raise ZooError(f"{name} in {URL} is not the file that was pinned: nothing of it is used")
    return content


def _licences() -> dict[str, bytes]:
    """The texts that the Python package of the same project carries; npm's has none."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise ZooError("models in the page need more packages: pip install 'genzoo[site]'")
    folder = Path(spec.origin).parent
    return {name: (folder / name).read_bytes() for name in ("LICENSE", "ThirdPartyNotices.txt")}
