"""Writing one person's bid into `reviews/bids.yaml`; other people's lines stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node

from tools.process.ledger.file import writing
from tools.process.ledger.state import OVER
from tools.process.record import Record
from tools.process.rules.config import load_bids
from tools.process.rules.roster import Bid
from zoo.core.errors import ZooError, nearest
from zoo.core.files import replacing


def bid(record: Record, actor: str, wanted: Bid) -> Path:
    """Replace what a person would like to review; the file that was written.

    Raises:
        ZooError: the person does not review, or an entry or family does not exist.
    """
    person = record.roster.find(actor)
    if person.role == "instructor":
        raise ZooError(f"{person.handle} is an instructor: bids are for those who review")
    states = {m: state for m, state in record.states().items() if state.stage not in OVER}
    for model in [*wanted.wants, *wanted.avoids]:
        if model not in states:
            raise ZooError(f"no entry '{model}' to review: {nearest(model, states)}")
        if person.handle in states[model].team:
            raise ZooError(f"{person.handle} develops {model}: nobody reviews their own entry")
    path = record.reviews / "bids.yaml"
    with writing(record.reviews):
        others = load_bids(path)  # a broken file is reported, not written over
        text = path.read_bytes().decode("utf-8-sig") if path.exists() else "bids:\n"
        with replacing(path) as partial:
            partial.write_bytes(_with(text, person.handle, wanted).encode())
            _verify(partial, others, person.handle, wanted)
    return path


def _verify(partial: Path, others: dict[str, Bid], handle: str, wanted: Bid) -> None:
    """What was written is read back before it counts, as one reads any bid."""
    try:
        written = load_bids(partial)
    except ZooError as error:
        rule = str(error).partition(": ")[2]  # the place is a line of the temporary file
        raise ZooError(f"the bid of {handle} is not valid: {rule}") from None
    assert written == {**others, handle.lower(): wanted}, "another person's bid would change"


def _with(text: str, handle: str, wanted: Bid) -> str:
    """The file's text with this person's bid replaced or added."""
    line = f"{json.dumps(handle)}: {_flow(wanted)}"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, MappingNode)
    bids = root.value[0][1]
    for key, value in bids.value if isinstance(bids, MappingNode) else []:
        if key.value.lower() == handle.lower():
            return text[: key.start_mark.index] + line + text[_end(value) :]
    if not isinstance(bids, MappingNode) or not bids.value:  # "bids:" or "bids: {}"
        start = root.value[0][0].end_mark.index
        end = max(_end(bids), start)
        return text[:start] + f":\n  {line}" + (text[end:].lstrip(":") or "\n")
    if bids.flow_style:
        start = bids.value[0][0].start_mark.index
        return text[:start] + f"{line}, " + text[start:]
    indent = " " * bids.value[0][0].start_mark.column
    end = text.find("\n", _end(bids))  # a comment behind the last value stays behind it
    end = len(text.rstrip()) if end < 0 else end
    return text[:end].rstrip("\r") + f"\n{indent}{line}" + text[end:]


def _flow(wanted: Bid) -> str:
    """A bid on one line."""
    parts = [f"{name}: {json.dumps(value)}" for name, value in vars(wanted).items() if value]
    return "{" + ", ".join(parts) + "}"


def _end(node: Node) -> int:
    """Where a value's text ends; YAML counts what follows a block as part of it, up to the next."""
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index
