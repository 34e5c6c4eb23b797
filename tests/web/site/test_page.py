"""The exported page in a real browser: what it shows, and the files that it writes."""

import base64
import io
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcolor.cli.command_line import main
from jaxcolor.pretrained import release
from jaxcolor.pretrained.exporters import onnx_file
from tests.web.site.conftest import served, unchecked

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[3] / "docs" / "export.md"
AXE = Path(__file__).parents[1] / "axe" / "axe.min.js"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Milliseconds: a busy machine colorizes slowly.
PATIENCE = 120_000
# Levels: rounding, and weights of 16 bits.
CLOSE = 2


@pytest.fixture(scope="module")
def photos(photographs, tmp_path_factory):
    """Returns a folder of photographs: gray, of a camera that lay on its side, wide."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(photographs["astronaut"]).convert("L").save(folder / "gray.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.fromarray(photographs["chelsea"])
    image.save(folder / "turned.jpg", exif=turned, quality=95, subsampling=0)
    Image.fromarray(photographs["china"][:130]).save(folder / "wide.png")
    return folder


@pytest.fixture(scope="module")
def address(exported):
    with served(exported) as found:
        yield found


@pytest.fixture
def opened(chromium, address):
    """Returns a function that opens the page, and closes what was opened."""
    contexts = []

    def open_page(at=address, **options):
        options = {"viewport": WIDE, **options}
        contexts.append(chromium.new_context(**options))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda message: complain(page, message))
        page.goto(at)
        page.locator("html[data-runtime]").wait_for()
        return page

    def complain(page, message):
        if message.type in ("error", "warning"):
            page.problems.append(message.text)

    yield open_page
    for context in contexts:
        for page in context.pages:
            assert page.problems == []
        context.close()


def colorized(page):
    page.get_by_text(re.compile("is colorized, in")).wait_for()


def add(page, *paths):
    page.set_input_files("#files", [str(path) for path in paths])
    colorized(page)


def downloaded(page, button="#download"):
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value


def changed(page, change):
    """Does something, and waits for the new picture."""
    page.evaluate("document.getElementById('status').textContent = ''")
    change()
    colorized(page)


def by_command(photo, folder, *flags):
    command = ["colorize", str(photo), "-o", str(folder), "--format", "png", "--quiet"]
    assert main([*command, *flags]) == 0
    return Image.open(folder / f"{photo.stem}.png")


def assert_equal(found, wanted):
    found, wanted = (
        np.asarray(image.convert("RGB")).astype(int) for image in (found, wanted)
    )
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= CLOSE
    assert np.ptp(wanted - wanted.mean(axis=-1, keepdims=True)) > 20


@pytest.mark.parametrize("name", ["gray.png", "turned.jpg", "wide.png"])
def test_the_downloaded_picture_is_that_of_the_command(opened, photos, tmp_path, name):
    page = opened()
    add(page, photos / name)
    file = downloaded(page)
    assert file.suggested_filename == f"{Path(name).stem}-colorized.png"
    found, wanted = Image.open(file.path()), by_command(photos / name, tmp_path)
    assert_equal(found, wanted)
    pattern = re.compile(r'AISystemUsed="([^"]*)"')
    mark = pattern.search(found.text["XML:com.adobe.xmp"])[1]
    assert mark == pattern.search(wanted.text["XML:com.adobe.xmp"])[1]
    assert "trainedAlgorithmicMedia".lower() in found.text["XML:com.adobe.xmp"].lower()


def test_sliders_decode_as_the_flags_do(opened, photos, tmp_path):
    page = opened()
    add(page, photos / "gray.png")
    settings = {
        "rebalancing_lambda": "0.2",
        "temperature": "0.8",
        "strength": "1.25",
        "coherence": "0.5",
    }
    for name, value in settings.items():
        changed(page, lambda name=name, value=value: page.fill(f"#{name}", value))
        assert page.inner_text(f"output[for={name}]") == value
    flags = [
        part for n, x in settings.items() for part in (f"--{n}".replace("_", "-"), x)
    ]
    found = Image.open(downloaded(page).path())
    assert_equal(found, by_command(photos / "gray.png", tmp_path, *flags))
    changed(page, lambda: page.click("#reset"))
    assert page.input_value("#temperature") == "0.38"


def test_a_click_sets_a_color_as_a_hint_does(opened, photos, tmp_path):
    page = opened()
    add(page, photos / "gray.png")
    page.click("#aiming")
    box = page.locator("#aim").bounding_box()
    page.locator("#aim").click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    page.fill("#other", "#10a040")
    changed(page, lambda: page.click("#use-other"))
    text = page.inner_text("#hints li")
    x, y = map(int, re.search(r"#10a040 at (\d+), (\d+)", text).groups())
    assert abs(x - 128) <= 1
    assert abs(y - 256) <= 1
    found = Image.open(downloaded(page).path())
    hint = ("--hint", f"{x},{y}=#10a040")
    assert_equal(found, by_command(photos / "gray.png", tmp_path, *hint))
    before = page.locator("#after").evaluate("(canvas) => canvas.toDataURL()")
    changed(page, lambda: page.click("#hints button"))
    after = page.locator("#after").evaluate("(canvas) => canvas.toDataURL()")
    assert before != after
    assert page.locator("#hints li").count() == 0


def test_all_of_it_works_by_the_keyboard(opened, photos):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    add(page, photos / "gray.png")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "slider"
    page.keyboard.down("ArrowRight")
    page.locator("#slider:not([aria-valuenow='50'])").wait_for()
    page.keyboard.up("ArrowRight")
    page.focus("#temperature")
    changed(page, lambda: page.keyboard.press("ArrowRight"))
    assert page.inner_text("output[for=temperature]") == "0.39"
    page.focus("#aiming")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "aim"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert page.inner_text("#place") == "Column 266, row 257"
    page.keyboard.press("Enter")
    page.locator("#likely button:focus").wait_for()
    changed(page, lambda: page.keyboard.press("Enter"))
    assert "at 266, 257" in page.inner_text("#hints li")
    page.focus("#download")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_several_come_as_an_archive_and_a_broken_one_alone_fails(opened, photos):
    page = opened()
    broken = {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    page.set_input_files("#files", broken)
    page.get_by_text("broken.jpg: this browser cannot read it").wait_for()
    assert page.locator("#list li").count() == 0
    page.set_input_files("#files", [photos / "gray.png", photos / "wide.png"])
    page.locator("#list li").nth(1).wait_for()
    colorized(page)
    page.set_input_files("#files", broken)
    page.get_by_text("broken.jpg: this browser cannot read it").wait_for()
    page.select_option("#format", "jpeg")
    with zipfile.ZipFile(downloaded(page, "#download-all").path()) as archive:
        assert archive.namelist() == ["gray-colorized.jpg", "wide-colorized.jpg"]
        image = Image.open(io.BytesIO(archive.read("wide-colorized.jpg")))
    assert image.size == (640, 130)
    assert b"compositeWithTrainedAlgorithmicMedia" in image.info["xmp"]


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_photographs_may_be_dropped_and_pasted(opened, photos, kind):
    page = opened()
    script = """([kind, content]) => {
        const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "mine.png", { type: "image/png" }));
        const event = kind === "drop"
            ? new DragEvent(kind, { dataTransfer: data, bubbles: true })
            : new ClipboardEvent(kind, { clipboardData: data, bubbles: true });
        document.body.dispatchEvent(event);
    }"""
    content = base64.b64encode((photos / "wide.png").read_bytes()).decode()
    page.evaluate(script, [kind, content])
    colorized(page)
    assert page.inner_text("#stage-heading") == "mine.png"


@pytest.mark.parametrize("viewport", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, photos, viewport, scheme):
    page = opened(viewport=viewport, color_scheme=scheme)
    page.evaluate(AXE.read_text(encoding="utf-8"))

    def problems():
        found = page.evaluate("axe.run()")["violations"]
        return [(each["id"], [n["html"] for n in each["nodes"]]) for each in found]

    assert problems() == []
    add(page, photos / "gray.png", photos / "wide.png")
    page.click("#aiming")
    page.locator("#likely button").first.wait_for()
    changed(page, lambda: page.click("#use-other"))
    assert problems() == []


def test_a_phone_needs_no_scrolling_sideways(opened, photos):
    page = opened(viewport=NARROW, has_touch=True, is_mobile=True)
    add(page, photos / "gray.png", photos / "wide.png")
    page.tap("#aiming")
    page.locator("#likely button").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    sizes = page.locator("button:visible").evaluate_all(
        "(buttons) => buttons.map((b) => b.getBoundingClientRect().height)"
    )
    # WCAG 2.2, target size (enhanced): 44 pixels.
    assert min(sizes) >= 44


def test_it_works_offline_once_loaded(chromium, opened, exported, photos):
    with served(exported) as address:
        page = opened(address)
        page.get_by_text("This page now works without a network.").wait_for()
    # The server is gone.
    page.context.set_offline(True)
    page.reload()
    page.locator("html[data-runtime]").wait_for()
    # The service worker isolates the page, which allows threads.
    assert page.evaluate("crossOriginIsolated")
    add(page, photos / "wide.png")
    with Image.open(downloaded(page).path()) as image:
        assert image.size == (640, 130)


def test_nothing_is_asked_from_elsewhere(opened, address, photos):
    asked = []
    page = opened()
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.locator("html[data-runtime]").wait_for()
    add(page, photos / "wide.png")
    downloaded(page)
    assert asked
    local = (address, f"blob:{address}", "data:")
    assert [url for url in asked if not url.startswith(local)] == []


def test_the_guide_to_browsers_runs(chromium, exported, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(exported / "vendor", folder)
    model = release.load("bundled")
    with unchecked():
        (folder / "model.onnx").write_bytes(onnx_file.encode(model))
    block = re.search(r"```js\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    block = block.replace('"onnxruntime-web"', '"./ort.webgpu.bundle.min.mjs"')
    assert "import" in block
    (folder / "mine.js").write_text(block + "document.title = ab.dims.join();")
    page_text = "<script type=module src=mine.js></script>"
    (folder / "index.html").write_text(page_text)
    with served(folder) as address:
        page = chromium.new_page()
        page.goto(address)
        page.wait_for_function("document.title === '1,2,192,256'", timeout=PATIENCE)
        page.close()


def test_the_page_tells_the_model_and_its_terms(opened):
    page = opened()
    assert page.inner_text("#about") == "The bundled model, jaxcolor 0.1.0."
    assert "names no license" in page.inner_text("#license")
    link = page.get_by_text("Model card", exact=True).evaluate("(link) => link.href")
    assert "# The bundled model" in page.request.get(link).text()
