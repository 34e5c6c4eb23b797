"""The page in Chromium: photographs in, colors set, pictures out."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parents[1] / "axe" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Milliseconds; the first photograph waits for programs to be compiled.
PATIENCE = 30_000

# Starting Chromium and waiting for the page takes more than ten seconds.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=str(CHROMIUM), args=ARGUMENTS, headless=True
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """Returns a function that opens the page; it may ask for nothing elsewhere."""
    contexts, mistakes = [], []

    def watched(request):
        if not request.url.startswith((server, "blob:")):
            mistakes.append(f"asked for {request.url}")

    def open_page(**options):
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("request", watched)
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.goto(server)
        page.wait_for_selector("#empty:visible")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert mistakes == []


@pytest.fixture(scope="module")
def paths(files, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("photographs")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in files}


def choose(page, *chosen: Path, count: int | None = None) -> None:
    """Chooses photographs, and waits until all of them and their variants are there."""
    page.set_input_files("#files", [str(path) for path in chosen])
    wait_for(page, len(chosen) if count is None else count)


def wait_for(page, count: int) -> None:
    page.wait_for_selector(f"#strip li:nth-child({count}) button img[src]")
    page.wait_for_selector(".arriving", state="detached")
    settle(page)
    page.wait_for_selector("img[data-variant='3'][src]")


def settle(page) -> None:
    page.wait_for_selector("#viewer[aria-busy=false] #after[src^=blob]")


def shown(page, selector: str) -> np.ndarray:
    """Returns the pixels of an image of the page, at the size at which it was sent."""
    height, width, rgba = page.evaluate(
        """async (selector) => {
          const image = document.querySelector(selector);
          await image.decode();
          const { naturalWidth: width, naturalHeight: height } = image;
          const canvas = new OffscreenCanvas(width, height);
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          return [height, width, [...context.getImageData(0, 0, width, height).data]];
        }""",
        selector,
    )
    return np.array(rgba).reshape(height, width, 4)[..., :3]


def downloaded(page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def set_slider(page, name: str, value: str) -> None:
    page.locator(f"#{name}").fill(value)


def test_a_photograph_is_chosen_shown_and_downloaded(open_page, paths, by_command):
    page = open_page()
    choose(page, paths["grandma.jpg"])
    before, after = shown(page, "#before"), shown(page, "#after")
    assert np.ptp(before, axis=-1).max() == 0
    assert np.ptp(after, axis=-1).max() > 20
    name, content = downloaded(page, "#download")
    assert name == "grandma.jpg"
    assert content == by_command("grandma.jpg", paths["grandma.jpg"].read_bytes())


def test_sliders_and_a_variant_give_the_file_of_the_flags(open_page, paths, by_command):
    page = open_page()
    choose(page, paths["wedding.tif"])
    first = shown(page, "#after")
    for name, value in [
        ("temperature", "0.2"),
        ("rebalancing_lambda", "0.25"),
        ("strength", "0.8"),
        ("coherence", "0.75"),
    ]:
        set_slider(page, name, value)
    page.locator("input[name=variant][value='0']").check(force=True)
    settle(page)
    assert np.abs(shown(page, "#after") - first).max() > 20
    assert page.inner_text("#temperature-value") == "0.20"
    flags = [
        *("--temperature=0.2", "--rebalancing-lambda=0.25", "--strength=0.8"),
        *("--coherence=0.75", "--variants=1"),
    ]
    _, content = downloaded(page, "#download")
    wanted = by_command("wedding.tif", paths["wedding.tif"].read_bytes(), *flags)
    assert content == wanted
    # And back again.
    page.click("#reset")
    settle(page)
    np.testing.assert_array_equal(shown(page, "#after"), first)


def test_a_color_is_set_by_the_mouse_and_removed(open_page, paths, by_command):
    page = open_page()
    choose(page, paths["grandma.jpg"])
    first = shown(page, "#after")
    page.check("input[name=mode][value=point]")
    box = page.locator("#target").bounding_box()
    # In the middle of a pixel, of 60 x 80.
    x, y = (20.5 / 60 * box["width"], 30.5 / 80 * box["height"])
    page.locator("#target").click(position={"x": x, "y": y})
    page.wait_for_selector("#swatches button")
    assert page.inner_text("#choice-place") == "Color at column 20, row 30"
    page.fill("#own", "#2040c0")
    page.click("#use")
    page.wait_for_selector("#hint-list li")
    settle(page)
    assert np.abs(shown(page, "#after") - first).max() > 20
    _, content = downloaded(page, "#download")
    photo = paths["grandma.jpg"].read_bytes()
    assert content == by_command("grandma.jpg", photo, "--hint=20,30=#2040c0")
    page.click("#hint-list button")
    settle(page)
    np.testing.assert_array_equal(shown(page, "#after"), first)
    assert page.locator("#target .hint").count() == 0


def test_a_color_is_set_by_the_keyboard_alone(open_page, paths):
    page = open_page()
    choose(page, paths["grandma.jpg"])
    page.locator("input[name=mode][value=compare]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "target"
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowDown")
    # 0.5 - 0.1 of 60 columns, 0.5 + 0.01 of 80 rows.
    assert page.inner_text("#status") == "Column 24, row 40"
    page.keyboard.press("Enter")
    page.wait_for_selector("#swatches button:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector("#hint-list li")
    assert "at 24, 40" in page.inner_text("#hint-list")
    assert page.evaluate("document.activeElement.id") == "target"
    # Escape gives up, and changes nothing.
    page.keyboard.press("Enter")
    page.wait_for_selector("#swatches button:focus")
    page.keyboard.press("Escape")
    assert page.locator("#hint-list li").count() == 1
    assert not page.is_visible("#choice")


def test_the_divider_follows_keys_and_the_mouse(open_page, paths):
    page = open_page()
    choose(page, paths["grandma.jpg"])
    place = "getComputedStyle(document.querySelector('.handle')).left"
    width = page.locator("#viewer").bounding_box()["width"]
    page.focus("#divider")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert float(page.evaluate(place)[:-2]) == pytest.approx(0.6 * width, abs=2)
    assert page.get_attribute("#divider", "aria-valuetext") == "60 % before"
    box = page.locator("#viewer").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.6 * width, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * width, middle)
    page.mouse.up()
    # One step of the divider is a hundredth of the width.
    found = float(page.evaluate(place)[:-2])
    assert found == pytest.approx(0.2 * width, abs=0.01 * width + 2)


def test_photographs_are_dropped_and_pasted_and_a_bad_one_is_reported(
    open_page, files, by_command
):
    page = open_page()
    give = """([kind, name, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(content)], name));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
        : new DragEvent("drop", { dataTransfer: data, bubbles: true });
      document.body.dispatchEvent(event);
    }"""
    page.evaluate(give, ["drop", "grandma.jpg", list(files["grandma.jpg"])])
    page.evaluate(give, ["paste", "scan.png", list(files["scan.png"])])
    page.evaluate(give, ["drop", "notes.txt", list(b"no photograph")])
    wait_for(page, 2)
    page.wait_for_selector("#problems p")
    message = "notes.txt: not an image that can be read"
    assert page.inner_text("#problems span") == message
    page.click("#problems button")
    assert page.locator("#problems p").count() == 0
    name, content = downloaded(page, "#download-all")
    assert name == "photographs.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["grandma.jpg", "scan.png"]
        wanted = by_command("scan.png", files["scan.png"])
        assert archive.read("scan.png") == wanted


def test_a_reload_brings_everything_back_and_removal_takes_it_away(open_page, paths):
    page = open_page()
    choose(page, paths["grandma.jpg"], paths["ship.webp"])
    set_slider(page, "strength", "0.5")
    settle(page)
    page.reload()
    wait_for(page, 2)
    assert page.inner_text("#strength-value") == "0.50"
    page.click("#strip li:nth-child(2) button")
    assert page.inner_text("#name") == "ship.webp"
    assert page.inner_text("#strength-value") == "1.00"
    for _ in range(2):
        page.click("#remove")
        page.wait_for_selector("#status:has-text('has been removed')")
    page.wait_for_selector("#empty:visible")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    open_page, paths, width, scheme
):
    size = {"width": width, "height": 844}
    page = open_page(viewport=size, color_scheme=scheme, has_touch=width < 1000)
    page.evaluate(AXE.read_text())
    assert violations(page) == []
    choose(page, paths["grandma.jpg"], paths["wedding.tif"])
    page.set_input_files("#files", {"name": "a.txt", "mimeType": "", "buffer": b"x"})
    page.wait_for_selector("#problems p")
    assert violations(page) == []
    page.check("input[name=mode][value=point]")
    page.locator("#target").click(position={"x": 40, "y": 40})
    page.wait_for_selector("#swatches button")
    page.click("#use")
    page.wait_for_selector("#hint-list li")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.goto(f"{page.url}api")
    page.evaluate(AXE.read_text())
    assert violations(page) == []


def violations(page) -> list[str]:
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def test_a_server_that_is_busy_is_asked_again(open_page, paths):
    page = open_page()
    refused = []

    def busy(route):
        refused.append(route.request.url)
        if len(refused) > 1:
            route.continue_()
            return
        route.fulfill(
            status=503,
            headers={"Retry-After": "1"},
            content_type="application/json",
            body='{"detail": "busy"}',
        )

    page.route("**/colors.jpg", busy)
    choose(page, paths["grandma.jpg"])
    assert len(refused) >= 2
    assert page.locator("#problems p").count() == 0
