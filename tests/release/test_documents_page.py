"""The pages in a real browser: they ask for nothing, complain of nothing and fit a phone."""

from pathlib import Path

import pytest

from openbook.release import documents
from tests.browser import CHROMIUM, browser
from tests.release.folder import SAID, write_folder


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_pages_fit_a_phone_and_lead_to_each_other_in_every_language(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "release", SAID)
    documents.write(folder)
    with browser(tmp_path / "profile") as page:
        for width, dark in ((390, True), (1200, False)):
            page.size(width, 900, dark=dark)
            for name in ("summary", "form-office", "model-card"):
                page.open((folder / f"documents/en/{name}.html").as_uri())
                assert page.run("document.documentElement.scrollWidth") <= width, name
        light = page.run("getComputedStyle(document.body).backgroundColor")
        page.size(1200, 900, dark=True)
        assert page.run("getComputedStyle(document.body).backgroundColor") != light
        page.run("document.querySelector('nav a[lang=pl]').click()")
        page.wait("document.documentElement?.lang === 'pl'")
        assert page.run("document.querySelector('h1').textContent") == "Karta modelu: tiny"
        assert all(url.startswith("file:") for url in page.requests)
        assert page.complaints == []
