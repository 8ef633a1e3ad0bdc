"""A browser shows the page: no error, no request, nothing wider than a phone."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qhpo import constraints as c
from qhpo_integrations.report import report_page
from tests.qhpo_integrations.report.test_page import bowl, evil, make, two
from tests.qhpo_integrations.report.test_rules import study_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = 390

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the program chromium")

WATCH = """<script>
window.seen = {errors: [], requests: []};
addEventListener("error", e => seen.errors.push(String(e.message || e.target.outerHTML)), true);
addEventListener("unhandledrejection", e => seen.errors.push(String(e.reason)));
addEventListener("securitypolicyviolation", e => seen.requests.push(e.blockedURI));
for (const kind of ["error", "warn"]) {
  console[kind] = (...said) => seen.errors.push(said.map(String).join(" "));
}
window.alert = said => seen.errors.push("alert: " + said);
</script>"""

TELL = """<script>
addEventListener("load", () => setTimeout(() => {
  const inside = node => node.closest(".wide, pre") === null;
  const wide = [...document.body.querySelectorAll("*")].filter(inside)
    .filter(node => node.getBoundingClientRect().right > innerWidth + 1);
  seen.width = document.documentElement.scrollWidth;
  seen.window = innerWidth;
  seen.wide = wide.map(node => node.outerHTML.slice(0, 80));
  seen.figures = document.querySelectorAll(".figure").length;
  const labels = ".main-svg .xaxislayer-above text, .main-svg text.xtitle";
  seen.drawn = [...document.querySelectorAll(".figure")]
    .filter(place => place.querySelector(labels)).length;
  seen.requests.push(...performance.getEntriesByType("resource").map(entry => entry.name)
    .filter(name => !/^(data|blob):/.test(name)));
  parent.postMessage(JSON.stringify(seen), "*");
}, 500));
</script>"""

# A window of the browser cannot be as narrow as a phone, a frame can.
FRAME = """<!DOCTYPE html><body>
<iframe src="page.html" style="width:{width}px; height:9000px; border:0"></iframe><script>
addEventListener("message", e => {{
  const told = document.createElement("pre");
  told.textContent = e.data;
  told.id = "told";
  document.body.append(told);
}});
</script>"""


def seen(page: str, folder: Path, width: int) -> dict[str, Any]:
    """What a browser has to say of a page in a window of that width."""
    watched = page.replace("<head>", f"<head>{WATCH}", 1).replace("</body>", f"{TELL}</body>")
    (folder / "page.html").write_text(watched, encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.format(width=width), encoding="utf-8")
    assert CHROMIUM is not None
    run = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=4000"),
            *("--dump-dom", (folder / "frame.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = re.search(r'<pre id="told">(.*?)</pre>', run.stdout, re.DOTALL)
    assert told is not None, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(told[1]))
    return found


@pytest.mark.parametrize(
    ("objective", "directions", "width"),
    [
        (bowl, ["minimize"], PHONE),
        pytest.param(bowl, ["minimize"], 1280, marks=pytest.mark.slow),
        pytest.param(two, ["minimize", "maximize"], PHONE, marks=pytest.mark.slow),
        (evil, ["minimize"], PHONE),
    ],
)
def test_it_is_drawn_without_errors_requests_or_overflow(
    tmp_path: Path, objective: Any, directions: list[str], width: int
) -> None:
    page = report_page([make(objective, 20, directions=directions)])
    found = seen(page, tmp_path, width)
    assert found["errors"] == []
    assert found["requests"] == []
    assert found["window"] == width
    assert found["width"] <= width
    assert found["wide"] == []
    assert found["drawn"] == found["figures"] > 3


def test_an_error_a_request_and_overflow_would_be_seen(tmp_path: Path) -> None:
    page = report_page([make(bowl, 6)])
    bad = '<img src="http://localhost:9/x.png"><div style="width: 900px">wide</div>'
    page = page.replace("</section>", f"</section>{bad}<script>nothing.here()</script>", 1)
    found = seen(page, tmp_path, PHONE)
    assert any("nothing" in error for error in found["errors"])
    assert any("localhost:9" in request for request in found["requests"])
    assert found["width"] > PHONE
    assert found["wide"]


def test_long_rules_fit_a_phone(tmp_path: Path) -> None:
    named = {"a": list(range(6)), "b": list(range(1, 6)), "x": [0.0, 0.25, 0.5, 0.75, 1.0]}
    rules = [c.linear({"a": 1, "b": 1}, "<=", 6), c.forbid(named), c.at_least(0, named)]
    trials = [{"a": i % 3, "b": 0, "x": i / 8 + 0.1} for i in range(7)]
    found = seen(report_page([study_of(rules, trials)]), tmp_path, PHONE)
    assert found["errors"] == found["requests"] == found["wide"] == []
    assert found["width"] <= PHONE
