"""Markdown and formulas of other people."""

import json
import re
import time
from xml.etree import ElementTree

import pytest

from tools.publish.site.markdown import (
    Heading,
    headings,
    inline_markdown,
    render_markdown,
    split_sections,
)
from tools.publish.site.mathml import LONGEST, to_mathml
from zoo.core.registry import ZOO_FOLDER

PIXEL = "data:image/png;base64,iVBORw0K"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<script>evil()</script>", "<p>&lt;script&gt;evil()&lt;/script&gt;</p>\n"),
        ('a <b onclick="x">b</b>', "<p>a &lt;b onclick=&quot;x&quot;&gt;b&lt;/b&gt;</p>\n"),
        ("[t](javascript:evil())", "<p>t</p>\n"),
        ("[t](JAVASCRIPT&colon;evil())", "<p>t</p>\n"),
        ("[t](<java\tscript:evil()>)", "<p>t</p>\n"),
        ("[t](data:text/html;base64,PHA+)", "<p>t</p>\n"),
        ("[t][r]\n\n[r]: vbscript:evil()", "<p>t</p>\n"),
        ("<javascript:evil()>", "<p>javascript:evil()</p>\n"),
        ("[t](//evil.example)", "<p>t</p>\n"),
        ("[t](../../../etc/passwd)", "<p>t</p>\n"),
        ("[t](other.py)", "<p>t</p>\n"),
        ("[t](./model.py)", '<p><a href="source/model.py.html">t</a></p>\n'),
        (
            "[*t*](x.py) and [u](model.py)",
            '<p><em>t</em> and <a href="source/model.py.html">u</a></p>\n',
        ),
        (
            '![a" onerror="x](https://e.example/x.png)',
            '<p><span class="muted">[picture: a&#34; onerror=&#34;x]</span></p>\n',
        ),
        (f'![a" onerror="x]({PIXEL})', f'<p><img src="{PIXEL}" alt="a&#34; onerror=&#34;x"></p>\n'),
        ("a\u202eb", "<p>a⟨U+202E⟩b</p>\n"),
        (
            '```" onload="x\n<b>\n```',
            '<pre class="code" tabindex="0"><code>&lt;b&gt;</code></pre>\n\n',
        ),
    ],
)
def test_hostile_markdown(text, html):
    made = str(render_markdown(text, files={"model.py": "source/model.py.html"}))
    assert made.rstrip() == html.rstrip()


def test_links_of_the_web_say_nothing_of_the_reader():
    made = render_markdown('[t](https://a.example/?x=1&y="2" "title\\" onclick=\\"x")')
    assert made == (
        '<p><a href="https://a.example/?x=1&amp;y=%222%22" '
        'rel="noopener noreferrer nofollow">t</a></p>\n'
    )


def test_headings_are_lowered_named_and_listed():
    made = render_markdown("# One & *two*\n\n## One two\n\n## main\n\n## One two", shift=1)
    assert headings(made) == [
        Heading(2, "one-two", "One & two"),
        Heading(3, "one-two-2", "One two"),
        Heading(3, "main-2", "main"),
        Heading(3, "one-two-3", "One two"),
    ]
    assert headings(render_markdown("# A\n\n#### B", least=3)) == [
        Heading(3, "a", "A"),
        Heading(4, "b", "B"),
    ]
    assert '<a href="#p-x">' in render_markdown("## X\n\n[to](#x) [no](#y)", prefix="p-")
    assert "#p-y" not in render_markdown("## X\n\n[to](#x) [no](#y)", prefix="p-")


def test_alignment_of_columns_is_a_class():
    made = render_markdown("| a | b |\n|---|--:|\n| <i> | 2 |")
    assert '<th scope="col" class="number">b</th>' in made
    assert '<td class="number">2</td>' in made
    assert "&lt;i&gt;" in made
    assert "style" not in made


def test_sections_of_a_card_are_split_at_its_headings_alone():
    text = "# T\n\nintro\n\n## A\n\none\n\n```\n## not\n```\n\n> ## not\n\n## B\n\ntwo\n"
    before, parts = split_sections(text)
    assert before == "# T\n\nintro\n\n"
    assert list(parts) == ["A", "B"]
    assert "## not" in parts["A"]
    assert parts["B"] == "\ntwo\n"


@pytest.mark.parametrize(
    "text",
    [
        "> " * 5000 + "x",
        "[" * 5000 + "x",
        "*a " * 20_000,
        "$" * 20_001,
        "`" * 9_999 + "x",
        "- " * 5000,
    ],
)
def test_markdown_made_to_be_slow_or_deep_comes_to_an_end(text):
    start = time.process_time()
    assert "<script" not in render_markdown(text)
    assert time.process_time() - start < 5


def test_a_text_beyond_measure_is_cut_with_a_note():
    made = render_markdown("word " * 100_000)
    assert len(made) < 201_000
    assert "(300,000 characters left out)" in made


@pytest.mark.parametrize(
    ("tex", "mathml"),
    [
        ("x_0", "<mrow><msub><mi>x</mi><mn>0</mn></msub></mrow>"),
        (r"\mathcal N", "<mrow><mi>𝒩</mi></mrow>"),
        (r"\mathcal L", "<mrow><mi>ℒ</mi></mrow>"),
        (r"\mathbb E", "<mrow><mi>𝔼</mi></mrow>"),
        (r"\mathbb R", "<mrow><mi>ℝ</mi></mrow>"),
        (r"\mathrm{KL}", "<mrow><mi>KL</mi></mrow>"),
        (r"\mathrm d", '<mrow><mi mathvariant="normal">d</mi></mrow>'),
        (r"\log p", '<mrow><mi>log</mi><mspace width="0.167em"></mspace><mi>p</mi></mrow>'),
        (
            r"\tfrac12",
            '<mrow><mstyle displaystyle="false" scriptlevel="0">'
            "<mfrac><mn>1</mn><mn>2</mn></mfrac></mstyle></mrow>",
        ),
        (r"z \sim q", "<mrow><mi>z</mi><mo>∼</mo><mi>q</mi></mrow>"),
        (
            "x_{<d}",
            '<mrow><msub><mi>x</mi><mrow><mo lspace="0em" rspace="0em">&lt;</mo>'
            "<mi>d</mi></mrow></msub></mrow>",
        ),
    ],
)
def test_known_formulas(tex, mathml):
    assert to_mathml(tex) == f'<math display="inline">{mathml}</math>'


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:evil()}{x}",
        r"\class{badge}{x}",
        r"\style{position:fixed}{x}",
        r"\color{red}{x}",
        r"\hspace{9px\"onclick=\"evil()}x",
        r"\text{<script>evil()</script>}",
        r"\text{</math><img src=x onerror=evil()>}",
        "x <script>evil()</script>",
        r"\tag{<b>} x",
        r"\text{a" + "\u202e" + "b}",
    ],
)
def test_formulas_cannot_act(tex):
    made = str(to_mathml(tex))
    root = ElementTree.fromstring(f"<root>{made}</root>")
    allowed = re.compile("root|span|code|math|mrow|mi|mo|mn|mtext|mspace|mstyle")
    assert [node.tag for node in root.iter() if not allowed.fullmatch(node.tag)] == []
    attributes = {(node.tag, key) for node in root.iter() for key in node.attrib}
    allowed = {("math", "display"), ("mo", "stretchy"), ("span", "class"), ("code", "class")}
    allowed |= {("mo", "lspace"), ("mo", "rspace"), ("mo", "form"), ("mi", "mathvariant")}
    assert attributes <= allowed
    assert "\u202e" not in made


@pytest.mark.parametrize(
    "tex",
    [
        r"\unknown x",
        r"\frac{",
        "x" * (LONGEST + 1),
        "{" * 900 + "}" * 900,
        "{" * 60 + "x" + "}" * 60,
        r"\begin{x}",
        "&",
    ],
)
def test_what_is_not_understood_is_shown_as_it_was_typed(tex):
    shown = tex.replace("&", "&amp;")
    assert to_mathml(tex) == f'<code class="tex">{shown}</code>'


def test_dollar_signs_of_money_and_of_code_are_no_formulas():
    assert "<math" not in render_markdown("from $5 to $6, $ x $, `$x$`, \\$x\\$ and\n\n    $x$")
    assert render_markdown("costs $x$ or $5").count("<math") == 1


def test_a_block_of_formula_is_no_list_and_keeps_its_number():
    made = render_markdown("text\n$$\na\n+ b \\tag{4}\n$$.\nmore")
    assert "<li>" not in made
    assert '<math display="block">' in made
    assert '<span class="equation-number">(4)</span>' in made
    assert "<p>more</p>" in made


def test_one_line_of_markdown_has_no_paragraph():
    assert inline_markdown("a *b* <i> [c](javascript:x)") == "a <em>b</em> &lt;i&gt; c"


def test_every_formula_of_the_zoo_is_understood():
    texts = [path.read_text("utf-8") for path in ZOO_FOLDER.glob("*/README.md")]
    places = [*ZOO_FOLDER.glob("*/demo.ipynb"), *ZOO_FOLDER.parent.glob("notebooks/*.ipynb")]
    for path in places:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        texts += ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    made = "".join(str(render_markdown(text)) for text in texts)
    assert re.findall(r'<code class="tex">.*?</code>', made) == []
    assert made.count("<math") > 200
