"""The report: one file that holds everything, and nothing that it should not run."""

import re
from html.parser import HTMLParser

import numpy as np

from jaxcolor.evaluation.report import html
from jaxcolor.evaluation.report.html import Example, Figure
from tests.evaluation import test_result_tables

PNG = b"\x89PNG\r\n\x1a\n"
VOID = {"meta", "img"}


class _Balanced(HTMLParser):
    """Sees that every tag is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _page(**changed):
    picture = np.zeros((4, 6, 3), np.uint8)
    example = Example("worst", "<b>&.png", "CIEDE2000 9.9", picture, picture, picture)
    evaluation = test_result_tables.made()._replace(**changed)
    return html.page(
        evaluation, figures=[Figure("a curve", PNG)], examples={"mine": [example]}
    )


def test_the_page_is_whole_and_needs_no_other_file():
    parser = _Balanced()
    parser.feed(_page())
    assert parser.open == []
    addresses = [a["src"] for tag, a in parser.seen if tag == "img"]
    assert [address.partition(";")[0] for address in addresses] == [
        "data:image/jpeg",
        "data:image/png",
    ]
    assert not {"script", "link", "iframe"} & {tag for tag, _ in parser.seen}
    assert all(a["alt"] for tag, a in parser.seen if tag == "img")


def test_a_phone_shows_it_at_its_own_width():
    assert 'name="viewport" content="width=device-width' in _page()
    # Wide tables scroll by themselves.
    assert _page().count('<div class="wide" tabindex="0"><table>') == 3


def test_names_are_text_not_markup():
    page = _page()
    assert "<b>&.png" not in page
    assert "&lt;b&gt;&amp;.png" in page


def test_tables_have_the_numbers():
    cells = re.findall(r"<td>(.*?)</td>", _page())
    assert "90.13<small>[89.50, 90.70]</small>" in cells
    assert cells.count("mine") == 3


def test_pictures_come_before_numbers_and_figures():
    titles = re.findall(r"<h2>(.*?)</h2>", _page())
    assert titles == [
        "Best, median and worst",
        "Numbers",
        "Figures",
        "How this was measured",
    ]


def test_headings_tell_what_is_better_and_the_best_is_bold():
    page = _page()
    assert "<th>AuC, %&nbsp;↑</th>" in page
    assert "<th>NLL, nats&nbsp;↓</th>" in page
    assert "<td><b>91.00</b></td>" in page
    # Of one number there is no best one.
    assert "<b>3.150</b>" not in page


def test_what_was_not_measured_is_a_list():
    assert "<ul><li>FID: no features were given</li></ul>" in _page()
