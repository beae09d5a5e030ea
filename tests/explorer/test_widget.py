"""The page as a widget: its module in a browser, with a kernel that is this process."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

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


def a_free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def lab(tmp_path, model):
    """A JupyterLab of its own, with a notebook that explores a stored run."""
    pytest.importorskip("jupyterlab")
    model.save(tmp_path / "run")
    np.savez(tmp_path / "data.npz", x=DATA.images[:200], y=DATA.labels[:200])
    code = (
        "import numpy as np\nfrom vaekit import load\n"
        "data = np.load('data.npz')\nload('run').explore(data['x'], labels=data['y'])"
    )
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": code, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": [{**cell, "execution_count": None}], "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"] = {"kernelspec": kernel}
    (tmp_path / "explore.ipynb").write_text(json.dumps(notebook))
    port = a_free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    command += ["--allow-root", "--ServerApp.token=", f"--ServerApp.root_dir={tmp_path}"]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        for _ in range(120):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree/explore.ipynb"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_jupyterlab_shows_the_widget(lab):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        said = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(lab)
        page.locator(".jp-Notebook .jp-Cell").first.click(timeout=60_000)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=60_000)
        page.keyboard.press("Shift+Enter")
        output = page.locator(".jp-OutputArea")
        for _ in range(30):
            page.wait_for_timeout(2_000)
            page.screenshot()  # without a window nothing else asks for a frame
            if output.locator(".map[data-drawn='200']").count():
                break
        shown = "document.querySelector('.jp-OutputArea .made canvas').toDataURL()"
        first = page.evaluate(shown)
        output.locator(".slider input").first.focus()
        page.keyboard.press("Home")
        page.wait_for_function(f"{shown} !== {json.dumps(first)}", timeout=15_000)
        assert said == []
        browser.close()
