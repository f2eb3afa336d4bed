"""The notebook runner, on a small checkout of its own in which `zoo` is a stand-in."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.cli import notebook as cli
from tools.notebooks import run_notebook, run_notebooks
from tools.notebooks.process import Execution
from tools.notebooks.worker import place_of_error
from zoo.core.errors import ZooError

PARAMETERS = new_code_cell("steps = 3\nname = 'digits'", id="knobs")
PARAMETERS.metadata["tags"] = ["parameters"]
FAILING = "WORD = 'right'\n\n\ndef fail():\n    raise ValueError('no such law\\nmore')\n"
HARMLESS = [
    "import os, sys, zoo.toy.model\nprint(steps, name, zoo.toy.model.WORD)",
    "print(object())\nprint('careful', file=sys.stderr)\nprint(zoo.toy.model.__file__)",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "from tqdm import tqdm\nfor _ in tqdm(range(9)): pass\nfrom IPython.display import display\n"
    "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'a'}}, raw=True)",
    "from IPython.display import HTML, Javascript, display\n"
    "display(HTML('<b onclick=\"x()\">bold</b><script>evil(1)</script>'), Javascript('evil(2)'))",
    "print(sorted(os.environ), os.getcwd(), sys.executable, globals().get('STARTUP'))",
]
PROSE = "# Toy\n\n$x^2$ <script>evil(3)</script>\n\n| a | b |\n|---|---|\n| 1 | 2 |"


def write(path: Path, cells: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return path


def code(*sources: str) -> list:
    return [new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with one entry, and a home whose Jupyter and IPython settings are hostile."""
    root = tmp_path_factory.mktemp("checkout")
    for file, content in {
        "zoo/__init__.py": "",
        "zoo/core/__init__.py": "",
        "zoo/toy/__init__.py": "",
        "zoo/toy/model.py": FAILING,
        "home/.local/share/jupyter/kernels/python3/kernel.json": json.dumps(
            {"argv": ["/bin/false"], "display_name": "x", "language": "python"}
        ),
        "home/.ipython/profile_default/startup/00.py": "STARTUP = 'wrong'",
    }.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(content)
    write(root / "zoo/toy/demo.ipynb", [new_markdown_cell(PROSE), PARAMETERS, *code(*HARMLESS)])
    broken = "import zoo.toy.model\n\nzoo.toy.model.fail()"
    write(root / "notebooks/broken.ipynb", code("x = 1", broken, "print('never')"))
    sleeper = f"[{sys.executable!r}, '-c', 'import time; time.sleep(600)', {str(root)!r}]"
    endless = f"import subprocess\nprint(1)\nsubprocess.Popen({sleeper})\nwhile True: pass"
    write(root / "endless.ipynb", code("x = 1", endless))
    write(root / "notebooks/leaves.ipynb", code("import sys", "sys.exit(0)", "print('never')"))
    write(root / "notebooks/dies.ipynb", code("import os", "os._exit(3)"))
    write(root / "notebooks/typo.ipynb", code("x = (1,\ny = 2"))
    return root


@pytest.fixture(scope="module")
def outcome(checkout: Path):
    """Every notebook of the checkout, run once in parallel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(checkout / "home"))
        patch.setenv("GITHUB_TOKEN", "s3cret")
        patch.setenv("CUDA_API_KEY", "s3cret")
        paths = [checkout / "zoo/toy/demo.ipynb", *sorted((checkout / "notebooks").glob("*.ipynb"))]
        folders = {"out": checkout / "out", "cache": checkout / "cache"}
        results = run_notebooks(paths, jobs=4, progress=False, **folders)
    return {result.notebook.parent.name + "/" + result.notebook.stem: result for result in results}


def outputs(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    return json.dumps([cell.get("outputs") for cell in cells], ensure_ascii=False)


def test_a_demo_is_named_after_its_entry_and_has_a_page_beside_it(checkout, outcome):
    result = outcome["toy/demo"]
    assert result.ok
    assert result.executed == checkout / "out/toy.ipynb"
    assert result.html == checkout / "out/toy.html"
    assert "3 digits right" in outputs(result.executed)
    assert "image/png" in outputs(result.executed)
    nbformat.validate(nbformat.read(result.executed, as_version=4))


def test_outputs_hold_nothing_of_this_machine_or_this_moment(checkout, outcome):
    said = outputs(outcome["toy/demo"].executed)
    assert "<object object at 0x…>" in said
    assert "./zoo/toy/model.py" in said
    assert "careful" in said  # a warning is not a progress bar
    for trace in (str(checkout), "it/s", "100%", "widget", "javascript"):
        assert trace not in said
    everything = outcome["toy/demo"].executed.read_text()
    assert "papermill" not in everything
    assert "start_time" not in everything


def test_the_kernel_is_this_interpreter_without_the_persons_settings_or_secrets(outcome):
    said = outputs(outcome["toy/demo"].executed)
    assert "/bin/python" in said
    assert "wrong" not in said
    assert "TOKEN" not in said
    assert "API_KEY" not in said


def test_pages_keep_the_text_and_lose_what_acts(outcome):
    page = BeautifulSoup(outcome["toy/demo"].html.read_text(), "html.parser")
    assert page.h1.text.startswith("Toy")
    assert [cell.text for cell in page.table("td")] == ["1", "2"]
    assert "bold" in [bold.text for bold in page("b")]
    assert page("script") == []  # formulas are MathML
    assert not [tag for tag in page(True) for name in tag.attrs if name.startswith("on")]
    assert "default-src 'none'" in page.find("meta", {"http-equiv": True})["content"]


def test_a_failing_cell_is_reported_in_five_lines(checkout, outcome):
    result = outcome["notebooks/broken"]
    report = result.report()
    assert not result.ok
    assert len(report.splitlines()) == 5
    assert "broken.ipynb: cell 2 (id c1), line 3" in report
    assert "    zoo.toy.model.fail()" in report
    assert "ValueError: no such law" in report
    assert "raised at zoo/toy/model.py:5" in report
    assert not (checkout / "out/broken.ipynb").exists()
    assert "fail()" in result.traceback_file.read_text()


def test_the_place_of_an_error_is_in_the_projects_own_code(tmp_path):
    library = f"{sys.prefix}/lib/torch/conv.py"
    frames = f"Cell In[4], line 2\nFile {tmp_path}/zoo/toy/model.py:7, in f\nFile {library}:560"
    place = {"line": 2, "where": "zoo/toy/model.py:7"}
    assert place_of_error(frames, str(tmp_path)) == place
    around = Path(sys.prefix).parent  # a virtual environment inside the checkout
    assert place_of_error(f"File {library}:560", str(around))["where"] is None


def test_a_syntax_error_names_its_line(outcome):
    assert "cell 1 (id c0), line 1" in outcome["notebooks/typo"].report()
    assert "SyntaxError" in outcome["notebooks/typo"].report()


def test_an_endless_notebook_is_stopped_with_everything_it_started(checkout, tmp_path):
    result = run_notebook(checkout / "endless.ipynb", timeout=8, out=tmp_path, cache=None)
    assert "time limit of 8 s for the whole notebook" in result.failure.error
    assert result.failure.cell == 2
    assert not [p for p in psutil.process_iter() if str(checkout) in _command(p)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize(("name", "words"), [("leaves", "were not run"), ("dies", "kernel died")])
def test_ending_early_is_no_success(outcome, name, words):
    result = outcome[f"notebooks/{name}"]
    assert not result.ok
    assert words in result.failure.error
    assert result.failure.cell == 2


def test_unchanged_notebooks_come_from_the_cache_without_a_process(checkout, outcome, monkeypatch):
    monkeypatch.setenv("HOME", str(checkout / "home"))
    monkeypatch.setattr(Execution, "run", lambda *_: pytest.fail("executed again"))
    demo, out = checkout / "zoo/toy/demo.ipynb", checkout / "again"
    result = run_notebook(demo, out=out, cache=checkout / "cache")
    assert result.status == "cached"
    assert result.executed.read_bytes() == outcome["toy/demo"].executed.read_bytes()
    assert result.html.read_bytes() == outcome["toy/demo"].html.read_bytes()


def test_new_prose_is_shown_with_remembered_outputs(checkout, outcome, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(checkout / "home"))
    demo = checkout / "zoo/toy/demo.ipynb"
    before = demo.read_text()
    demo.write_text(before.replace("# Toy", "# Renamed"))
    try:
        result = run_notebook(demo, out=tmp_path, cache=checkout / "cache")
    finally:
        demo.write_text(before)
    assert result.status == "cached"
    assert "Renamed" in result.html.read_text()


def test_two_executions_are_equal_byte_for_byte(checkout, outcome, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(checkout / "home"))
    result = run_notebook(checkout / "zoo/toy/demo.ipynb", out=tmp_path, cache=None)
    first = outcome["toy/demo"]
    assert result.status == "executed"
    assert _masked(result.executed) == _masked(first.executed)


def _masked(path: Path) -> str:
    # The last cell prints its own temporary folder on purpose.
    return "".join(line for line in path.read_text().splitlines() if "/zoo-" not in line)


def test_parameters_are_injected_and_are_part_of_the_key(checkout, tmp_path):
    notebook = write(checkout / "notebooks/knobs.ipynb", [PARAMETERS, *code("print(steps * 2)")])
    options = {"out": tmp_path, "cache": tmp_path / "cache", "parameters": {"steps": 21}}
    result = run_notebook(notebook, **options)
    assert "42" in outputs(result.executed)
    assert run_notebook(notebook, **options).status == "cached"
    assert "42" in outputs(result.executed)
    assert "injected-parameters" in result.executed.read_text()
    notebook.unlink()


def test_answering_from_the_cache_imports_neither_torch_nor_papermill(checkout, outcome):
    script = f"""
        import sys
        from pathlib import Path
        from tools.notebooks import run_notebook
        root = Path({str(checkout)!r})
        result = run_notebook(root / "zoo/toy/demo.ipynb", out=root / "out", cache=root / "cache")
        assert result.status == "cached", result
        print(sorted({{"torch", "papermill", "nbconvert", "nbformat"}} & set(sys.modules)))
    """
    environment = os.environ | {"HOME": str(checkout / "home")}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_mistakes_of_the_caller_are_one_line(checkout, tmp_path, monkeypatch):
    demo = checkout / "zoo/toy/demo.ipynb"
    with pytest.raises(ZooError, match=r"no parameter 'stpes': did you mean 'steps'\?"):
        run_notebook(demo, parameters={"stpes": 1}, out=tmp_path)
    with pytest.raises(ZooError, match="no such notebook"):
        run_notebook(checkout / "nowhere.ipynb", out=tmp_path)
    with pytest.raises(ZooError, match="not a notebook"):
        run_notebook(checkout / "zoo/toy/model.py", out=tmp_path)
    with pytest.raises(ZooError, match="one at a time"):
        run_notebooks([demo, demo], out=tmp_path)
    monkeypatch.setitem(sys.modules, "papermill", None)
    with pytest.raises(ZooError, match=r"pip install 'genzoo\[workflow\]'"):
        run_notebook(demo, out=tmp_path)


IMPATIENT = [signal.SIGINT] * 2


@pytest.mark.parametrize("blows", [[signal.SIGINT], IMPATIENT, [signal.SIGKILL]])
def test_interrupting_the_runner_ends_its_children_and_leaves_nothing(
    checkout, tmp_path, request, blows
):
    script = f"""
        import signal
        from pathlib import Path
        from tools.notebooks import run_notebook
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
        endless = Path({str(checkout)!r}) / "endless.ipynb"
        run_notebook(endless, out=Path("out"), cache=Path("cache"))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    runner = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    request.addfinalizer(runner.kill)
    family: list[psutil.Process] = []

    def started() -> bool:
        family[:] = psutil.Process(runner.pid).children(recursive=True)
        return any(str(checkout) in _command(process) for process in family)

    _until(started)  # the worker, the kernel, and the process that the notebook starts
    for blow in blows:
        runner.send_signal(blow)
        time.sleep(0.01)
    runner.wait(timeout=20)
    _until(lambda: not any(_command(process) for process in family))
    assert not list(tmp_path.rglob("*.*"))


def _until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_command_says_what_failed_and_how_many(checkout, tmp_path):
    broken = str(checkout / "notebooks/broken.ipynb")
    ran = CliRunner().invoke(
        cli.command, ["run", broken, "--no-cache", "--out", str(tmp_path), "--timeout", "1m"]
    )
    assert ran.exit_code == 1
    assert "ValueError: no such law" in ran.output
    assert "1 of 1 notebooks failed" in ran.output


UNCLEAR = [["run"], ["run", "toy", "--all"], ["run", "x", "--timeout", "0"]]


@pytest.mark.parametrize("arguments", UNCLEAR)
def test_the_command_refuses_unclear_orders(arguments):
    assert CliRunner().invoke(cli.command, arguments).exit_code == 2
