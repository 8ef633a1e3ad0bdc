"""HTML of a page without anything from elsewhere: one file, scripts and styles in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

__all__ = ["document", "fact_table", "figure", "section", "table"]

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
  max-width: 900px; padding: 8px 14px 40px; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 12px 0; }
h2 { font-size: 1.2rem; margin: 36px 0 8px; border-bottom: 1px solid #ddd; }
h3 { font-size: 1rem; margin: 20px 0 4px; }
h4 { font-size: .95rem; margin: 8px 0 0; font-weight: 600; }
p { margin: 8px 0; }
.small { font-size: .85rem; color: #555; }
table { border-collapse: collapse; margin: 8px 0; font-size: .92rem; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid #eee;
  vertical-align: top; }
td { font-variant-numeric: tabular-nums; min-width: 3.5em; }
th { color: #555; font-weight: 600; }
.wide { overflow-x: auto; overflow-wrap: normal; }
.facts th { white-space: nowrap; }
pre { background: #f5f5f5; padding: 10px; overflow-x: auto; font-size: .85rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr));
  gap: 4px 18px; }
.grid > div, .figure { min-width: 0; }
"""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
"""What a browser lets the page do: run what stands in it, and ask nobody for anything."""

_FIT = """
const observer = new ResizeObserver(entries => entries.forEach(entry =>
  Plotly.Plots.resize(entry.target.querySelector(".plotly-graph-div"))));
document.querySelectorAll(".figure").forEach(place => observer.observe(place));
"""
"""Keeps figures as wide as their places: these change when a phone is turned, and when a grid that
is still being read gets its second column."""

_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}


def document(title: str, body: str) -> str:
    """A whole page.

    Args:
        title: Plain text.
        body: HTML.
    """
    shown = escape(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{shown}</title>
<style>{_STYLE}</style>
<script>window.PlotlyConfig = {{MathJaxConfig: "local"}};</script>
<script>{get_plotlyjs()}</script>
</head>
<body>
<h1>{shown}</h1>
{body}
<script>{_FIT}</script>
</body>
</html>
"""


def section(title: str, *parts: str) -> str:
    """A part of the page, from HTML; the title is plain text without markup."""
    return f"<section><h2>{title}</h2>{''.join(parts)}</section>"


def figure(drawn: go.Figure) -> str:
    """A figure as wide as its place."""
    height = drawn.layout.height
    body = drawn.to_html(
        full_html=False,
        include_plotlyjs=False,
        config=_CONFIG,
        default_width="100%",
        default_height=f"{height}px",
    )
    return f'<div class="figure">{body}</div>'


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML cells, which scrolls by itself where it is too wide."""
    head = "".join(f"<th>{header}</th>" for header in headers)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def fact_table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values under each other, HTML both."""
    body = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="facts">{body}</table>'
