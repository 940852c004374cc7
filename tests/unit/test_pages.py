"""Pages that a reader can follow: links lead somewhere, and README leads to every page."""

import re
from pathlib import Path

import pytest

from checks.documents import BLOCK, TABLES, filled
from checks.template import PROJECT

README = PROJECT / "README.md"
PAGES = sorted(
    {*PROJECT.glob("*.md"), *(page for name in ("docs", "examples") for page in (PROJECT / name).rglob("*.md"))}
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
MAX_README_LINES = 140


def links(page: Path) -> list[str]:
    return [markdown or html for markdown, html in LINK.findall(page.read_text())]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        if not re.match(r"[a-z]+:", link):
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page_in_one_click() -> None:
    linked = {(PROJECT / link.partition("#")[0]).resolve() for link in links(README)}
    assert [page.name for page in (PROJECT / "docs").glob("*.md") if page not in linked] == []


def test_the_readme_stays_short() -> None:
    assert len(README.read_text().splitlines()) <= MAX_README_LINES


def test_every_generated_table_stands_on_one_page() -> None:
    names = [block["name"] for page in PAGES for block in BLOCK.finditer(page.read_text())]
    assert sorted(names) == sorted(TABLES)


def test_a_table_that_is_out_of_date_is_replaced() -> None:
    page = "before\n<!-- generated: outputs -->\n| old |\n<!-- end -->\nafter\n"
    assert "`ApiUrl`" in filled(page)
    assert "| old |" not in filled(page)
    assert filled(filled(page)) == filled(page)


def test_a_marker_that_names_no_table_is_refused() -> None:
    with pytest.raises(KeyError, match="unknown"):
        filled("<!-- generated: unknown -->\n<!-- end -->\n")
