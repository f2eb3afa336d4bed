"""Notebooks whose outputs are hostile, broken, or too much."""

import base64
import json
import re

import pytest

from tools.publish.site import notebook as renderer
from tools.publish.site.markdown import headings
from tools.publish.site.notebook import notebook_html, renamed, render_notebook
from tools.publish.site.terminal import ansi
from zoo.core.errors import ZooError

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>evil()</script></svg>'


def notebook(*cells):
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def text_cell(source, cell_id="t", **fields):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source, **fields}


def code_cell(*outputs, source="x = 1", cell_id="c"):
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "execution_count": 7,
        "source": source,
        "outputs": list(outputs),
    }


def display(metadata=None, **forms):
    data = {name.replace("_", "/", 1): value for name, value in forms.items()}
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(*outputs):
    """What becomes of outputs: the inside of their elements."""
    made = str(render_notebook(notebook(code_cell(*outputs))))
    return re.findall(r'<div class="nb-out">(.*?)</div>\n', made, re.DOTALL)


def left_out(what):
    return [f'<p class="left-out">Left out: {what}. The notebook file has it.</p>']


def printed(html, kind="printed"):
    return f'<pre class="{kind}" tabindex="0">{html}</pre>'


@pytest.mark.parametrize(
    ("output", "html"),
    [
        (
            display(text_html="<b onclick='evil()'>b</b><script>evil()</script>"),
            '<div class="output-html" tabindex="0"><b>b</b></div>',
        ),
        (stream("<script>evil()</script>"), printed("&lt;script&gt;evil()&lt;/script&gt;")),
        (stream("<b>", "stderr"), printed("&lt;b&gt;", "printed errors")),
        (display(text_plain="</pre><img src=x>"), printed("&lt;/pre&gt;&lt;img src=x&gt;")),
        (
            display(text_latex=r"$\href{javascript:evil()}{x}$"),
            '<div class="equation" tabindex="0"><math display="block">'
            "<mrow><mrow><mrow><mi>x</mi></mrow></mrow></mrow></math></div>",
        ),
        (
            {"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["\x1b[31mE: <b>"]},
            printed('<span class="ansi-red">E: &lt;b&gt;</span>', "printed errors"),
        ),
    ],
)
def test_hostile_outputs(output, html):
    assert shown(output) == [html]


@pytest.mark.parametrize(
    "form",
    [
        "application/javascript",
        "application/vnd.jupyter.widget-view+json",
        "text/<script>evil()</script>",
    ],
)
def test_an_output_that_could_only_act_is_a_note(form):
    output = {"output_type": "display_data", "data": {form: "evil()"}, "metadata": {}}
    escaped = form.replace("<", "&lt;").replace(">", "&gt;")
    assert shown(output) == left_out(f"an output of a kind that is not shown here ({escaped})")


def test_a_picture_of_svg_is_an_image_that_runs_nothing():
    (html,) = shown(display(**{"image_svg+xml": SVG}))
    address = "data:image/svg+xml;base64," + base64.b64encode(SVG.encode()).decode()
    assert html == f'<img src="{address}" alt="Figure 1">'


def test_pictures_are_described_by_their_maker_or_by_where_they_stand():
    figure = display(image_png=PIXEL)
    named = display({"image/png": {"alt": 'two" onload="x', "width": 60}}, image_png=PIXEL)
    made = render_notebook(notebook(text_cell("## Samples of $z$"), code_cell(figure, named)))
    assert 'alt="Figure 1: Samples of z">' in made
    assert 'alt="two&#34; onload=&#34;x" width="60">' in made


def test_a_picture_that_is_none_or_too_large_is_a_note():
    assert shown(display(image_png='"><script>')) == left_out("a picture that is none")
    large = base64.b64encode(bytes(renderer.LARGEST_PICTURE + 1)).decode()
    assert shown(display(image_png=large)) == left_out("a picture of 3,000,001 bytes")


def test_outputs_beyond_measure_are_cut_with_a_note():
    (printed,) = shown(stream("x" * 20_000_000))
    assert printed.endswith("x\n… 19,950,000 more characters are in the notebook file</pre>")
    assert len(printed) < 51_000
    rows = "<tr><td>1</td></tr>" * 1_000_000
    assert shown(display(text_html=rows)) == left_out("an output of 19,000,000 characters")


def test_a_page_of_too_many_outputs_is_full(monkeypatch):
    monkeypatch.setattr(renderer, "LARGEST_PAGE", 100)
    first, second = shown(stream("a" * 80), stream("b" * 80))
    assert "a" * 80 in first
    assert "Left out: a further output, since this page is full." in second


def test_deeply_nested_html_stays_within_its_output():
    made = render_notebook(
        notebook(code_cell(display(text_html="<div>" * 5000 + "deep")), text_cell("after"))
    )
    assert "deep" in made
    assert made.count("<div") == made.count("</div>")
    assert made.rstrip().endswith("<p>after</p>\n</div>")


def test_text_cells_are_markdown_and_their_headings_have_ids_of_their_own():
    cells = [text_cell("# A", "x"), text_cell("# A\n\n<script>", "x"), text_cell("# main", "main")]
    made = render_notebook(notebook(*cells), shift=1)
    assert [heading.id for heading in headings(made)] == ["a", "part-2-a", "main-2"]
    assert re.findall(r'<div class="nb-text prose-text" id="(.*?)"', made) == [
        "cell-x",
        "cell-x-2",
        "cell-main",
    ]
    assert "&lt;script&gt;" in made


def test_pictures_in_a_text_cell_are_its_attachments():
    files = {"a.png": {"image/png": PIXEL}, "b.html": {"text/html": "PHA+"}}
    cell = text_cell("![a](attachment:a.png) ![b](attachment:b.html)", attachments=files)
    made = render_notebook(notebook(cell))
    assert f'<img src="data:image/png;base64,{PIXEL}" alt="a">' in made
    assert "[picture: b]" in made


def test_code_is_highlighted_by_classes_and_raw_cells_are_dropped():
    raw = {
        "cell_type": "raw",
        "id": "r",
        "metadata": {"raw_mimetype": "text/html"},
        "source": "<p>",
    }
    made = render_notebook(notebook(code_cell(source="def f(): '</code><script>'"), raw))
    assert '<span class="k">def</span>' in made
    assert "&lt;/code&gt;&lt;script&gt;" in made
    assert "<p>" not in made
    assert "style=" not in made


def test_colours_of_a_terminal_are_classes():
    assert ansi("\x1b[1;31mE\x1b[0m ok \x1b[38;2;1;2;3mx\x1b[39m") == (
        '<span class="ansi-red ansi-bold">E</span> ok x'
    )
    assert ansi("\x1b]8;;javascript:evil()\x07link\x1b]8;;\x07\x1b[2Jend") == "linkend"
    assert ansi("10%\r50%\r100%\ndone\r\n") == "100%\ndone\n"
    assert ansi("a\x1b<b>\u202e") == "a⟨U+001B⟩&lt;b&gt;⟨U+202E⟩"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"nbformat": 3, "worksheets": []}',
        b'{"nbformat": 4, "metadata": {}, "nbformat_minor": 5, "cells": 3}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_notebook_is_refused_in_one_line(content):
    with pytest.raises(ZooError, match="not a notebook of format 4"):
        render_notebook(content)


def test_the_number_of_a_cell_is_text():
    cell = code_cell() | {"execution_count": "<script>evil()</script>"}
    assert "&lt;script&gt;evil()&lt;/script&gt;</span>" in render_notebook(notebook(cell))


def test_odd_data_of_an_output_is_text():
    odd = {"output_type": "display_data", "data": {"text/html": {"a": "<b>"}}, "metadata": {}}
    assert shown(odd) == ['<div class="output-html" tabindex="0">{"a": "<b>"}</b></div>']
    broken = {"cell_type": "code", "metadata": 3, "outputs": [{"output_type": "display_data"}]}
    assert "of a kind that is not shown here (no form)" in render_notebook(notebook(broken))


def test_names_are_changed_in_text_and_not_in_pictures():
    picture = display(image_png="AAdevAA=", text_plain="dev")
    made = json.loads(renamed(notebook(code_cell(picture)), lambda text: text.replace("dev", "x")))
    assert made["cells"][0]["outputs"][0]["data"] == {"image/png": "AAdevAA=", "text/plain": "x"}


def test_a_rendered_notebook_is_remembered_until_it_changes(small_zoo, monkeypatch):
    path = small_zoo.shown[0].executed
    first = notebook_html(small_zoo, path)
    monkeypatch.setattr(renderer, "render_notebook", lambda *_, **__: pytest.fail("made again"))
    assert notebook_html(small_zoo, path) == first
    path.write_bytes(notebook(text_cell("# Changed")))
    monkeypatch.undo()
    assert ">Changed</h1>" in notebook_html(small_zoo, path)
    monkeypatch.setattr(renderer, "renderers", lambda: (b"other code",))
    monkeypatch.setattr(renderer, "render_notebook", lambda *_, **__: "made by other code")
    assert notebook_html(small_zoo, path) == "made by other code"
