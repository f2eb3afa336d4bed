"""The texts in a file: its lines, a notebook's cells and outputs, metadata of pictures."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
HEADER = 2**20  # bytes of a safetensors header that anybody needs
_PRINTABLE = re.compile(rb"[\x20-\x7e]{6,}")


@dataclass(frozen=True)
class Piece:
    """Text in a file.

    Attributes:
        text: what is read.
        line: where it begins.
        flat: whether all of it stands in that line.
        where: what it is, beside a file's lines: "output", "metadata".
    """

    text: str
    line: int = 1
    flat: bool = False
    where: str = ""

    def line_at(self, position: int) -> int:
        """The line of a position."""
        return self.line if self.flat else self.line + self.text.count("\n", 0, position)


def pieces(data: bytes) -> Iterator[Piece]:
    """Everything readable in a file's bytes."""
    if data.startswith(PNG):
        yield from (Piece(text, flat=True, where="PNG metadata") for text in _png(data))
    elif (header := tensor_header(data)) is not None:
        yield Piece(header, flat=True, where="metadata of the weights")
    elif b"\0" in data:
        found = b"\n".join(_PRINTABLE.findall(data))
        yield Piece(found.decode("ascii"), flat=True, where="binary")
    else:
        text = data.decode(errors="replace")
        inside = list(_ledger(text) if text.startswith('{"schema": ') else ())
        inside = inside or (list(_notebook(text)) if '"nbformat"' in text else [])
        yield from inside or [Piece(text)]


def tensor_header(data: bytes) -> str | None:
    """The header of a safetensors file; None where it is none."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or not 2 <= size <= min(HEADER, len(data) - 8) or data[8:9] != b"{":
        return None
    return data[8 : 8 + size].decode(errors="replace")


def pickled(data: bytes) -> bool:
    """Whether loading the file would run code: a pickle, bare or in PyTorch's archive."""
    if data[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") and data.endswith(b"."):
        return True
    return data.startswith(b"PK\x03\x04") and b"/data.pkl" in data


def _png(data: bytes) -> Iterator[str]:
    """Text and Exif chunks."""
    at = len(PNG)
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + size]
        at += 12 + size
        if kind == b"zTXt":
            key, _, packed = content.partition(b"\0")
            content = key + b" " + _unpacked(packed[1:])
        elif kind == b"iTXt":
            key, _, rest = content.partition(b"\0")
            words = rest[2:].split(b"\0", 2)
            text = words[-1] if rest[:1] == b"\0" else _unpacked(words[-1])
            content = b" ".join([key, *words[:-1], text])
        elif kind not in (b"tEXt", b"eXIf"):
            continue
        yield content.replace(b"\0", b" ").decode(errors="replace")


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 2**20)
    except zlib.error:
        return data


def _notebook(text: str) -> Iterator[Piece]:
    """All texts of a notebook, as a reader sees them; pictures by their metadata."""
    try:
        document = json.loads(text)
    except ValueError:
        return
    line = 1
    for keys, value in _strings(document, ()):
        for raw in (json.dumps(value, ensure_ascii=False), json.dumps(value)):
            at = text.find(raw)
            if at >= 0:
                line = text.count("\n", 0, at) + 1
                break
        where = next((key for key in ("outputs", "metadata") if key in keys), "")
        if keys and keys[-1].startswith("image/") and "svg" not in keys[-1]:
            try:
                inner = base64.b64decode(value)
            except (ValueError, binascii.Error):
                inner = value.encode()
            for piece in pieces(inner):
                yield Piece(piece.text, line, True, f"{where}: {piece.where}")
        else:
            yield Piece(value, line, True, where)


def _ledger(text: str) -> Iterator[Piece]:
    """The texts of every event."""
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        try:
            document = json.loads(line)
        except ValueError:
            document = line
        yield from (Piece(said, number, flat=True) for _, said in _strings(document, ()))


def _strings(value: object, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(keys from the top, text) of all texts, keys of mappings among them; lists of lines whole."""
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, list):
        if value and keys[-1:] and all(isinstance(item, str) for item in value):
            for item in value:
                yield keys, item
        else:
            for item in value:
                yield from _strings(item, keys)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield keys, key
            yield from _strings(item, (*keys, key))
