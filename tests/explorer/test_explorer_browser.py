"""The page as a person uses it: the same script in a real browser, with the server and without."""

import gzip
import json
import shutil
import threading
from pathlib import Path

import jaxtyping
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vaekit import Autoencoder
from vaekit.anomalies import VAEDetector
from vaekit.datasets import digits
from vaekit.explorer import open_session
from vaekit.explorer.pages import static_page
from vaekit.explorer.server import free_socket, link, make_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]
OPTIONS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
DATA = digits()
BACKENDS = ("server", "page")


def serving(*sessions):
    """Serve sessions from a thread; return the link and what stops it."""
    import uvicorn

    bound = free_socket(0)
    port = bound.getsockname()[1]
    app = make_app(sessions, "token", port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()

    def stop():
        server.should_exit = True
        thread.join()
        bound.close()

    return link(port, "token"), stop


@pytest.fixture(scope="module", autouse=True)
def _shapes_unchecked():
    """Checks of shapes compare sizes, which an export takes for a promise that they stay."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def model():
    return Autoencoder("vae", 4, steps=300, progress=False).fit(DATA.images)


@pytest.fixture(scope="module")
def addresses(model, tmp_path_factory):
    session = open_session(model, DATA.images[:600], labels=DATA.labels[:600], name="digits")
    server, stop = serving(session)
    page = tmp_path_factory.mktemp("page") / "digits.html"
    page.write_bytes(static_page(session))
    yield {"server": server, "page": page.as_uri()}
    stop()


class Visit:
    """A page in a browser, with what it complained of and whom it asked."""

    def __init__(self, browser, address, **options):
        self.address = address
        is_file = address.startswith("file:")
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 820}, offline=is_file, **options
        )
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda m: self.said.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("[data-ready]")
        self.page.wait_for_selector(".map[data-drawn]")

    def pixels(self, label="decoded"):
        return self.page.evaluate(
            """(label) => { const c = document.querySelector(`.pair canvas[aria-label="${label}"]`);
            return Array.from(c.getContext("2d").getImageData(0, 0, c.width, c.height).data)
              .filter((_, i) => i % 4 === 0); }""",
            label,
        )

    def settle(self):
        self.page.wait_for_timeout(400)

    def slide(self, name, share):
        self.page.evaluate(
            """([name, share]) => { const s = document.querySelector(`input[data-name="${name}"]`);
            s.value = Number(s.min) + share * (s.max - s.min);
            s.dispatchEvent(new Event("input", { bubbles: true })); }""",
            [name, share],
        )
        self.settle()

    def drag(self, places):
        """Drag over the map, along places from 0 to 1."""
        box = self.page.locator(".map").first.bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for x, y in at[1:]:
            self.page.mouse.move(x, y, steps=12)
        self.page.mouse.up()
        self.settle()

    def close(self):
        """Leave; no error was said, and nobody asked but this computer."""
        self.context.close()
        assert self.said == []
        own = ("data:", "blob:", self.address.split("#")[0])
        assert [url for url in self.asked if not url.startswith(own)] == []


@pytest.fixture(params=BACKENDS)
def visit(request, browser, addresses):
    found = Visit(browser, addresses[request.param])
    yield found
    found.close()


def test_a_slider_changes_the_decoded_picture_alone(visit):
    before, original = visit.pixels(), visit.pixels("original")
    name = visit.page.locator(".slider input").first.get_attribute("data-name")
    visit.slide(name, 0.05)
    low = visit.pixels()
    visit.slide(name, 0.95)
    assert low != before
    assert visit.pixels() != low
    assert visit.pixels("original") == original
    visit.page.get_by_role("button", name="Back").click()
    visit.settle()
    assert visit.pixels() == before


def test_sliders_of_attributes_lead_to_what_they_say(visit, model):
    visit.slide("attribute-0", 0.95)
    pushed = np.array(visit.pixels(), float)
    zeros = DATA.images[DATA.labels == 0].mean(0).ravel()
    ones = DATA.images[DATA.labels == 1].mean(0).ravel()
    assert np.abs(pushed - zeros).mean() < np.abs(pushed - ones).mean()


def test_what_is_decoded_is_what_python_decodes(visit, model):
    visit.settle()
    shown = np.array(visit.pixels()).reshape(8, 8)
    kept = model.reconstruct(DATA.images[:1])[0].astype(int)
    assert np.abs(shown - kept).max() <= 1
    assert np.array_equal(np.array(visit.pixels("original")).reshape(8, 8), DATA.images[0])


def test_a_walk_over_the_map_changes_the_picture(visit):
    before = visit.pixels()
    visit.page.get_by_role("radio", name="Walk").click()
    visit.drag([(0.3, 0.3), (0.6, 0.6)])
    first = visit.pixels()
    assert first != before
    visit.page.locator(".map").focus()
    for _ in range(6):
        visit.page.keyboard.press("ArrowLeft")
    visit.settle()
    assert visit.pixels() != first
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert visit.page.locator(".current h2").inner_text().startswith("Item ")


def test_a_lasso_lists_items_and_saves_them(visit):
    visit.page.get_by_role("radio", name="Lasso").click()
    visit.drag([(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.31)])
    visit.page.wait_for_selector(".selection")
    count = int(visit.page.locator(".selection b").first.inner_text().replace(",", ""))
    assert 10 < count <= 600
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("button", name="Download as CSV").click()
    rows = pd.read_csv(saved.value.path())
    assert list(rows.columns) == ["item", "label"]
    assert len(rows) == count
    assert (rows["label"].to_numpy() == DATA.labels[rows["item"]]).all()


def test_a_picture_of_ones_own_is_encoded(visit, model, tmp_path):
    Image.fromarray(DATA.images[700]).save(tmp_path / "mine.png")
    visit.page.get_by_role("tab", name="Yours").click()
    visit.page.locator('input[type="file"]').set_input_files(tmp_path / "mine.png")
    visit.page.wait_for_function("document.querySelector('.current h2').innerText === 'Yours'")
    shown = np.array(visit.pixels()).reshape(8, 8)
    kept = model.reconstruct(DATA.images[700:701])[0].astype(int)
    assert np.abs(shown - kept).max() <= 2


def test_two_items_are_mixed(visit):
    page = visit.page
    page.get_by_role("tab", name="Mix").click()
    page.get_by_role("button", name="Take as A").click()
    start = visit.pixels()
    page.get_by_role("radio", name="Walk").click()
    visit.drag([(0.3, 0.3), (0.7, 0.7)])
    end = visit.pixels()
    page.get_by_role("button", name="Take as B").click()
    page.wait_for_selector(".strip .tile")
    assert page.locator(".strip .tile").count() == 7
    visit.slide("mix", 0.0)
    assert visit.pixels() == start
    visit.slide("mix", 1.0)
    assert visit.pixels() == end
    visit.slide("mix", 0.5)
    assert visit.pixels() not in (start, end)


def test_samples_are_drawn_and_can_be_taken(visit):
    page = visit.page
    page.get_by_role("tab", name="Sample").click()
    page.wait_for_selector(".sample .tile canvas")
    assert page.locator(".sample .tile").count() == 12
    visit.slide("temperature", 0.0)
    page.locator(".sample .tile").first.click()
    visit.settle()
    assert page.locator(".current h2").inner_text() == "A new sample"
    cold = visit.pixels()
    page.get_by_role("button", name="New samples").click()
    visit.settle()
    page.locator(".sample .tile").nth(3).click()
    visit.settle()
    assert visit.pixels() == cold  # at temperature 0 all samples are the middle


def test_a_shared_link_shows_the_same(visit):
    visit.page.get_by_role("tab", name="Mix").click()
    visit.page.get_by_role("tab", name="Sliders").click()
    name = visit.page.locator(".slider input").first.get_attribute("data-name")
    visit.slide(name, 0.85)
    visit.page.get_by_label("Color", exact=True).select_option("")
    visit.settle()
    there, address = visit.pixels(), visit.page.url
    other = visit.context.new_page()
    other.goto("about:blank")
    other.goto(address)
    other.wait_for_selector("[data-ready]")
    other.wait_for_timeout(500)
    visit.page = other
    assert np.abs(np.array(visit.pixels()) - there).max() <= 1
    assert other.get_by_label("Color", exact=True).input_value() == ""


def test_the_tour_leads_through_six_steps(visit):
    page = visit.page
    page.get_by_role("button", name="Tour").click()
    for step in range(1, 7):
        assert page.locator(".tour .quiet").inner_text() == f"Step {step} of 6"
        page.locator(".tour button.main").click()
        visit.settle()
        if step < 6:
            page.locator(".tour").get_by_role("button", name="Next").click()
    page.locator(".tour").get_by_role("button", name="Done").click()
    assert page.locator(".tour").count() == 0
    assert page.locator(".error").count() == 0


def serious(page):
    """Return what axe finds that is serious, on the page as it is."""
    source = gzip.decompress(Path(__file__).with_name("axe.min.js.gz").read_bytes()).decode()
    page.evaluate(f"{source}; undefined")
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        (one["id"], node["target"], node["failureSummary"])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious_in_any_panel(browser, addresses, scheme, width):
    visit = Visit(browser, addresses["page"], color_scheme=scheme)
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.settle()
    for tab in ("Sliders", "Mix", "Sample", "Yours", "Selection"):
        visit.page.get_by_role("tab", name=tab).click()
        visit.settle()
        assert serious(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.get_by_role("button", name="Tour").click()
    assert serious(visit.page) == []
    visit.context.close()


@pytest.fixture(scope="module")
def strange():
    rng = np.random.default_rng(0)
    size = rng.normal(size=300)
    table = pd.DataFrame({"size": size, "twice": 2 * size + rng.normal(scale=0.1, size=300)})
    table["kind"] = np.where(size > 0, "large", "small")
    table.loc[7, "twice"] = 40.0
    return table


@pytest.fixture(scope="module")
def guards(strange, tmp_path_factory):
    session = open_session(VAEDetector(max_epochs=5, progress=False).fit(strange), strange)
    server, stop = serving(session)
    page = tmp_path_factory.mktemp("guard") / "guard.html"
    page.write_bytes(static_page(session))
    yield {"server": server, "page": page.as_uri()}
    stop()


@pytest.mark.parametrize("backend", BACKENDS)
def test_anomalies_are_reviewed_and_verdicts_saved(browser, guards, backend):
    visit = Visit(browser, guards[backend])
    page = visit.page
    page.get_by_role("tab", name="Review").click()
    page.wait_for_selector(".anomalies li")
    page.locator(".anomalies .tile").first.click()
    page.wait_for_function("document.querySelector('.current h2').innerText === 'Item 7'")
    assert any("twice" in row for row in page.locator("tr.odd").all_inner_texts())
    page.get_by_role("button", name="Accept").first.click()
    visit.settle()
    page.keyboard.press("r")
    visit.settle()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download verdicts").click()
    rows = pd.read_csv(saved.value.path())
    assert rows["item"].iloc[0] == 7
    assert rows["verdict"].iloc[:3].fillna("").tolist() == ["accepted", "rejected", ""]
    assert serious(page) == []
    visit.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_of_ones_own_is_read(browser, guards, backend, strange):
    visit = Visit(browser, guards[backend])
    page = visit.page
    page.get_by_role("tab", name="Yours").click()
    form = page.locator(".form")
    form.get_by_label("size").fill("1.0")
    form.get_by_label("twice").fill("2.0")
    form.get_by_label("kind").fill("large")
    form.get_by_role("button", name="Read this row").click()
    page.wait_for_function("document.querySelector('.current h2').innerText === 'Yours'")
    cells = dict(
        row.split("\t")[:2] for row in page.locator("table.card tbody").inner_text().splitlines()
    )
    assert cells["kind"] == "large"
    assert float(cells["size"]) == 1.0
    visit.close()


def test_two_runs_are_shown_side_by_side(browser, model):
    images = DATA.images[:300]
    flat = Autoencoder("vae", 2, steps=60, progress=False).fit(images)
    address, stop = serving(
        open_session(model, images, name="wide"), open_session(flat, images, name="flat")
    )
    visit = Visit(browser, address)
    assert visit.page.locator(".map").count() == 2
    assert visit.pixels("kept by flat") != visit.pixels()
    assert "wide beside flat" in visit.page.locator("h1").inner_text()
    visit.close()
    stop()


def test_a_page_with_a_wrong_token_says_so(browser, addresses):
    context = browser.new_context()
    page = context.new_page()
    page.goto(addresses["server"].replace("#token=token", "#token=other"))
    page.wait_for_selector('[role="alert"]')
    assert "token" in page.locator('[role="alert"]').inner_text()
    context.close()


def test_a_hundred_thousand_points_are_drawn(browser):
    z = np.random.default_rng(0).normal(size=(100_000, 5))
    tiny = Autoencoder("vae", 2, steps=30, progress=False).fit(z)
    address, stop = serving(open_session(tiny, z, name="many"))
    visit = Visit(browser, address)
    assert visit.page.locator(".map").get_attribute("data-drawn") == "100000"
    assert json.loads(visit.page.evaluate("JSON.stringify(performance.now() > 0)"))
    visit.close()
    stop()
