"""torch.hub, as a reader uses it: in a process of its own, from a fresh clone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.core.registry import ZOO_FOLDER, entry_names, get_entry

ROOT = ZOO_FOLDER.parent


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would give: the files that are tracked, as they lie here."""
    target = tmp_path_factory.mktemp("hub") / "clone"
    options = ("-z", "--cached", "--others", "--exclude-standard", "hubconf.py", "zoo")
    listed = subprocess.run(
        ["git", "ls-files", *options], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            path.write_bytes((ROOT / name).read_bytes())
    return target


def hub(clone: Path, code: str) -> dict:
    """What a script prints as JSON; it runs outside the clone and of any other."""
    program = f"import json, sys, torch\nclone = {str(clone)!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=clone.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_list_is_the_registry_and_imports_no_model(clone: Path) -> None:
    said = hub(
        clone,
        "sys.path.insert(0, clone)\n"  # torch.hub itself lists only what is on GitHub
        "hub = torch.hub._import_module('hubconf', clone + '/hubconf.py')\n"
        "names = [name for name, value in vars(hub).items()"
        " if callable(value) and not name.startswith('_')]\n"
        "text = torch.hub._load_entry_from_hubconf(hub, 'vae').__doc__\n"
        "models = [m for m in sys.modules if m.startswith('zoo.') and 'core' not in m]\n"
        "print(json.dumps({'names': names, 'text': text, 'models': models}))",
    )
    assert sorted(said["names"]) == entry_names()
    assert said["text"].startswith(get_entry("vae").card.title)
    assert "arXiv:1312.6114" in said["text"]
    assert said["models"] == []


def test_a_model_is_that_of_the_clone_with_its_weights(clone: Path) -> None:
    said = hub(
        clone,
        "import pathlib, inspect\n"
        "torch.set_num_threads(1)\n"
        "torch.manual_seed(0)\n"
        "model = torch.hub.load(clone, 'vae', source='local', recipe='digits', device='cpu')\n"
        "file = inspect.getfile(type(model))\n"
        "x = model.sample(2)\n"
        "first = torch.hub.load(clone, 'vae', source='local')\n"
        "print(json.dumps({'file': file, 'shape': list(x.shape), 'training': model.training,"
        " 'sum': x.sum().item(), 'default': list(first.sample(1).shape)}))",
    )
    assert Path(said["file"]) == clone / "zoo/vae/model.py"
    assert said["shape"] == [2, 1, 8, 8]
    assert said["sum"] > 0
    assert not said["training"]
    assert said["default"] == [1, 1, 28, 28]


def test_mistakes_are_told_as_everywhere(clone: Path) -> None:
    program = f"import torch; torch.hub.load({str(clone)!r}, 'vae', source='local', recipe='mnits')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=clone.parent, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "vae has no recipe 'mnits': did you mean 'mnist'" in done.stderr
