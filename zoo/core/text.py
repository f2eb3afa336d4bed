"""Text held in memory as tokens, one per character, and split by position.

- `docstrings`: documentation of Python's standard library, which every Python has: the docstrings
  of a fixed list of modules, in lower case and on a fixed alphabet. It is the same wherever one
  version of Python runs; other versions document some things in other words, so numbers on this
  text are compared within one version only.
- `tinyshakespeare`: the first 40,000 lines of Shakespeare that A. Karpathy collected for char-rnn;
  1,115,394 characters, 65 different ones, downloaded once and checked against its sha256. The plays
  are in the public domain; char-rnn, which holds the file, has the MIT licence.

The first 90 % of the characters are for training, the last 10 % for validation: neighbouring lines
belong together, and a random split would test on what it trained beside.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo.core.data import data_folder
from zoo.core.errors import ZooError, nearest
from zoo.core.files import replacing

SPLITS = {"train": slice(0, 90), "validation": slice(90, 100)}  # per cent of the characters
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHABETS = {
    "docstrings": "\n '(),-.:=_" + LETTERS,
    "tinyshakespeare": "\n !$&',-.3:;?" + LETTERS.upper() + LETTERS,
}
TEXTS = tuple(ALPHABETS)
_SHAKESPEARE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
_SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
_DOCUMENTED = """
argparse ast calendar collections configparser contextlib csv difflib doctest email.message
fractions functools getopt heapq http.client http.cookiejar inspect ipaddress json logging mailbox
optparse pdb platform random sched shelve shutil socket statistics string subprocess tarfile
tempfile textwrap threading timeit traceback typing urllib.parse urllib.request uuid zipfile
"""


@dataclass(frozen=True)
class TextData:
    """One split of a text.

    Attributes:
        name: name of the text.
        tokens: uint8, (N,), places of the characters in the alphabet.
        alphabet: the K characters, sorted.
    """

    name: str
    tokens: Tensor
    alphabet: str

    def __len__(self) -> int:
        return len(self.tokens)

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of the tokens, which a result records beside its value."""
        return hashlib.sha256(self.tokens.numpy().tobytes()).hexdigest()


@functools.lru_cache(maxsize=4)
def load_text(name: str, split: str) -> TextData:
    """Load a split, "train" (the first 90 %) or "validation" (the rest), as tokens.

    Raises:
        ZooError: unknown name or split; a file that is missing while offline or fails its hash.
    """
    if split not in SPLITS:
        raise ZooError(f"unknown split '{split}': use 'train' or 'validation'")
    tokens = encode(_read(name), name)
    bounds = SPLITS[split]
    start, stop = (len(tokens) * cent // 100 for cent in (bounds.start, bounds.stop))
    return TextData(name, tokens[start:stop].to(torch.uint8), alphabet_of(name))


def alphabet_of(name: str) -> str:
    """The characters of a text in the order of their tokens; ZooError for an unknown text."""
    if name not in ALPHABETS:
        raise ZooError(f"unknown text '{name}': {nearest(name, ALPHABETS)}")
    return ALPHABETS[name]


def encode(text: str, name: str) -> Tensor:
    """Tokens of a string in the alphabet of a named text, int64 (N,).

    Raises:
        ZooError: a character that the alphabet does not have.
    """
    places = {character: place for place, character in enumerate(alphabet_of(name))}
    strange = sorted(set(text) - set(places))
    if strange:
        raise ZooError(f"{strange[0]!r} is no character of {name}: use {alphabet_of(name)!r}")
    return torch.tensor([places[character] for character in text], dtype=torch.int64)


def decode(tokens: Tensor, name: str) -> str:
    """The string of tokens (N,) in the alphabet of a named text."""
    alphabet = alphabet_of(name)
    return "".join(alphabet[token] for token in tokens.tolist())


def windows(tokens: Tensor, length: int) -> Tensor:
    """Every stretch of `length` tokens, (N − length + 1, length): a view that copies nothing.

    What `zoo.core.data.Batches` indexes: a batch is a function of (seed, number), and an epoch
    visits every starting point once.

    Raises:
        ZooError: the text is shorter than a window.
    """
    if length > len(tokens):
        raise ZooError(f"windows of {length} characters do not fit into a text of {len(tokens)}")
    return tokens.unfold(0, length, 1)


def is_cached(name: str) -> bool:
    """Whether the text can be had without a download."""
    return name == "docstrings" or _shakespeare_file().exists()


@functools.lru_cache(maxsize=2)
def _read(name: str) -> str:
    alphabet_of(name)
    return {"docstrings": _docstrings, "tinyshakespeare": _shakespeare}[name]()


def _shakespeare_file() -> Path:
    return data_folder() / "tinyshakespeare" / "input.txt"


def _shakespeare() -> str:
    path = _shakespeare_file()
    if not path.exists():
        try:
            with urllib.request.urlopen(_SHAKESPEARE, timeout=30) as answer:
                content = answer.read()
        except OSError as error:
            raise ZooError(
                f"tinyshakespeare is not in {path.parent} and cannot be downloaded ({error}): "
                f"connect to the internet, or put input.txt there, or use dataset=docstrings"
            ) from error
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != _SHAKESPEARE_SHA256:
        raise ZooError(f"{path} is damaged: delete it and try again")
    return content.decode("ascii")


def _docstrings() -> str:
    found = [text for name in _DOCUMENTED.split() for text in _documentation(name)]
    return normalise("\n\n".join(found), ALPHABETS["docstrings"])


def _documentation(name: str) -> list[str]:
    """Docstrings of a module and of its public classes, functions and methods, as they stand there.

    Read from the source: a debugger or a notebook may have put its own objects into the module.
    """
    spec = importlib.util.find_spec(name)
    source = spec and spec.loader.get_source(name)
    if not source:
        raise ZooError(f"this Python comes without the source of its module {name}: use another")
    return [
        text for node in _public(ast.parse(source)) if (text := ast.get_docstring(node)) is not None
    ]


def _public(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> Iterator[ast.AST]:
    """The node and, of modules and classes, what is defined in it under a public name."""
    yield node
    for inner in node.body if not isinstance(node, ast.FunctionDef) else []:
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef)) and inner.name[0] != "_":
            yield from _public(inner)


def normalise(text: str, alphabet: str) -> str:
    """Lower case; what is not in the alphabet is left out, and so are repeated spaces and lines."""
    text = "".join(character for character in text.lower() if character in alphabet)
    text = re.sub(r" +", " ", text)
    return re.sub(r"\n ?(\n ?)+", "\n\n", text)
