"""Hostile text and HTML, each with what exactly becomes of it."""

import base64

import html5lib
import pytest

from tools.publish.site.sanitise import (
    DEEPEST,
    clean_html,
    safe_image,
    safe_link,
    visible,
)

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="evil()"><script>evil()</script></svg>'
SVG_ADDRESS = "data:image/svg+xml;base64," + base64.b64encode(SVG).decode()


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("<script>evil()</script>after", "after"),
        ("<SCRIPT SRC=https://evil.example/x.js></SCRIPT>after", "after"),
        ('<b onclick="evil()" ONMOUSEOVER=evil()>bold</b>', "<b>bold</b>"),
        ("<style>body{display:none}</style>after", "after"),
        ('<p style="position:fixed;inset:0">text</p>', "<p>text</p>"),
        ('<div id="main" class="badge badge-ok">text</div>', "<div>text</div>"),
        ('<base href="https://evil.example/">after', "after"),
        ('<meta http-equiv="refresh" content="0;url=https://evil.example">after', "after"),
        ('<link rel="stylesheet" href="https://evil.example/x.css">after', "after"),
        ('<iframe src="https://evil.example" srcdoc="<p>x">inside</iframe>after', "after"),
        ('<object data="https://evil.example">inside</object>after', "after"),
        ('<embed src="https://evil.example">after', "after"),
        ('<form action="https://evil.example"><input name="x">field</form>after', "after"),
        ('<svg onload="evil()"><script>evil()</script><text>x</text></svg>after', "after"),
        (
            '<math><maction actiontype="statusline" href="javascript:evil()">x</maction></math>y',
            "y",
        ),
        ("<template><script>evil()</script></template>after", "after"),
        ("<textarea><script>evil()</script></textarea>after", "after"),
        (
            "<noscript><p title='</noscript><img src=x onerror=evil()>'></noscript>after",
            "'&gt;after",
        ),
        ("<!-- <script>evil()</script> -->after", "after"),
        ("<h1>A title</h1>", "<p>A title</p>"),
        ('<img src="https://evil.example/pixel.png">after', "after"),
        ('<img src="x" onerror="evil()">after', "after"),
        ('<img src="data:text/html;base64,PHA+">after', "after"),
        ('<img alt=" src=" title="x">after', "after"),
        (f'<img src="{SVG_ADDRESS}" onload="evil()">', f'<img src="{SVG_ADDRESS}" alt="">'),
        (
            '<table><tr><td colspan="2;x" rowspan="99999" headers="a">1</td></tr></table>',
            "<table><tbody><tr><td>1</td></tr></tbody></table>",
        ),
        ("<p>a\u202eb\u2066c</p>", "<p>a⟨U+202E⟩b⟨U+2066⟩c</p>"),
        ("<p>unclosed <b>bold", "<p>unclosed <b>bold</b></p>"),
        ("</div></main></body>after", "after"),
    ],
)
def test_html_loses_what_acts(hostile, harmless):
    assert clean_html(hostile) == harmless


@pytest.mark.parametrize(
    "address",
    [
        "javascript:evil()",
        "JaVaScRiPt:evil()",
        " javascript:evil()",
        "java\nscript:evil()",
        "java&#9;script:evil()",
        "data:text/html,<script>evil()</script>",
        "vbscript:evil()",
        "javascript://a.example/%0Aevil()",
        "file:///etc/passwd",
        "//evil.example/x",
        "https:\\\\evil.example",
        "https://",
        "/absolute",
        "relative.html",
        "https://a.example/\u202egnp.exe",
    ],
)
def test_a_link_with_another_scheme_is_no_link(address):
    assert safe_link(address) is None
    assert "href" not in clean_html(f'<a href="{address}">text</a>')


@pytest.mark.parametrize("address", ["https://a.example/x?y=1&z=2#w", "mailto:a@example.org"])
def test_links_of_the_web_and_of_mail_stay_and_tell_nothing_of_the_reader(address):
    cleaned = clean_html(f'<a href="{address}" target="_blank">text</a>')
    link = html5lib.parseFragment(cleaned, namespaceHTMLElements=False)[0]
    assert link.attrib == {"href": address, "rel": "noopener noreferrer nofollow"}


def test_a_picture_is_in_the_page_itself():
    assert safe_image(SVG_ADDRESS) == SVG_ADDRESS
    assert safe_image("data:image/png;base64,iVBO Rw0K") == "data:image/png;base64,iVBORw0K"
    for address in (
        "data:image/png,x",
        "data:image/png;base64,@@",
        "data:image/svg+xml,<svg/>",
        'data:image/png;base64,AA" onerror="evil()',
        "https://a.example/x.png",
    ):
        assert safe_image(address) is None


def test_tables_as_pandas_prints_them():
    printed = (
        "<div>\n<style scoped>\n .dataframe {color: red}\n</style>\n"
        '<table border="1" class="dataframe"><thead><tr style="text-align: right;">'
        "<th></th><th>a</th></tr></thead><tbody><tr><th>0</th><td>1.5</td></tr></tbody>"
        "</table>\n</div>"
    )
    assert clean_html(printed) == (
        "<div>\n\n<table><thead><tr><th></th><th>a</th></tr></thead>"
        "<tbody><tr><th>0</th><td>1.5</td></tr></tbody></table>\n</div>"
    )


def test_nesting_beyond_measure_keeps_its_text_and_its_balance():
    cleaned = str(clean_html("<div>" * 5000 + "deep" + "</div>" * 5000 + "<p>after</p>"))
    assert cleaned == "<div>" * DEEPEST + "deep" + "</div>" * DEEPEST + "<p>after</p>"


def test_what_reorders_text_or_cannot_be_seen_is_written_out():
    assert visible("a\u202eb\u2067c\u200fd\x00e\x1bf\x7f\r\n\tg") == (
        "a⟨U+202E⟩b⟨U+2067⟩c⟨U+200F⟩d⟨U+0000⟩e⟨U+001B⟩f⟨U+007F⟩\n\tg"
    )
    assert visible("שלום, Ω 你好 👩‍🔬") == "שלום, Ω 你好 👩‍🔬"
    assert visible("a\ud800b") == "a\ufffdb"
