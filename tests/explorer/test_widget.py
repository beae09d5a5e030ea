"""The page as a widget: its module in a browser, with a kernel that is this process."""

import json
import shutil
import sys

import numpy as np
import pytest

from vaekit import Autoencoder
from vaekit.anomalies import VAEDetector
from vaekit.datasets import digits
from vaekit.errors import MissingExtraError, NotFittedError
from vaekit.explorer import open_session
from vaekit.explorer.widget import answer, widget_module, widget_style

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DATA = digits()


@pytest.fixture(scope="module")
def model():
    return Autoencoder("vae", 3, steps=60, progress=False).fit(DATA.images[:200])


@pytest.fixture(scope="module")
def session(model):
    return open_session(model, DATA.images[:200], labels=DATA.labels[:200])


def test_explore_gives_a_widget_that_answers(model):
    widget = model.explore(DATA.images[:200], labels=DATA.labels[:200])
    sent = []
    widget.send = sent.append
    content = {"id": 1, "operation": "info", "given": {}}
    widget._handle_custom_msg(content, [])
    assert sent[0]["id"] == 1
    assert sent[0]["answer"]["count"] == 200


def test_a_detector_shows_what_to_review():
    X = np.random.default_rng(0).normal(size=(200, 3))
    widget = VAEDetector(max_epochs=2, progress=False).fit(X).explore(X)
    sent = []
    widget.send = sent.append
    widget._handle_custom_msg({"id": 1, "operation": "info", "given": {}}, [])
    assert sent[0]["answer"]["can"]["review"]


@pytest.mark.parametrize(
    "content", [None, {"id": 2}, {"id": 2, "operation": "no", "given": {}}, {"given": {}}]
)
def test_a_bad_request_is_answered_by_an_error(session, content):
    found = answer(session, content if isinstance(content, dict) and "operation" in content else {})
    assert found["error"]


def test_one_must_fit_first():
    with pytest.raises(NotFittedError, match="before explore"):
        Autoencoder().explore()


def test_a_missing_widget_names_the_extra(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingExtraError, match=r"vaekit\[notebook\]"):
        model.explore()


PAGE = """<!doctype html><html lang="en"><head><title>notebook</title><style>%s</style></head>
<body><h2 id="own">A heading of the notebook</h2><div id="cell"></div></body></html>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_the_widget(session):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        said = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.expose_function("ask", lambda content: answer(session, content))
        page.set_content("<style>h2 { color: rgb(1, 2, 3); font-size: 33px }</style>")
        page.set_content(PAGE % widget_style())
        before = page.evaluate("getComputedStyle(document.getElementById('own')).fontSize")
        source = json.dumps(widget_module())
        page.evaluate(
            """async (source) => {
            const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            const widget = (await import(address)).default;
            let receive;
            const model = {
              on: (_, run) => { receive = run; },
              send: async (content) => receive(await window.ask(content)),
            };
            await widget.render({ model, el: document.getElementById("cell") });
            }""",
            json.loads(source),
        )
        page.wait_for_selector(".map[data-drawn='200']")
        name = page.locator(".slider input").first.get_attribute("data-name")

        def shown():
            return page.evaluate("document.querySelector('.made canvas').toDataURL()")

        first = shown()
        page.locator(f'input[data-name="{name}"]').focus()
        page.keyboard.press("Home")
        page.wait_for_timeout(400)
        assert shown() != first
        assert page.evaluate("getComputedStyle(document.getElementById('own')).fontSize") == before
        assert page.url == "about:blank"
        assert said == []
        browser.close()
