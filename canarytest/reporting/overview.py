"""The rollout at a glance: why it ended so, and its steps as a table."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable

from canarytest.core.finding import Verdict
from canarytest.reporting.story import Stop, Story
from canarytest.reporting.words import brief, counted, deciding, seconds

_WRAP = 'style="white-space: normal"'  # Allure's own style would have the reader scroll sideways


def html_of(story: Story, picture: str = "") -> str:
    """Return why it ended so, the steps as a table, and below the *picture*, an SVG."""
    lines = [f"<p><strong>{_text(story.outcome)}</strong>: {_text(story.reason)}</p>"]
    if back := way_back(story):
        lines.append(f"<p>{_text(back)}</p>")
    head = ("step", "verdict", "open for", "tests", "why")
    rows = [_cells(head, "th"), *(_cells(_row(stop), "td") for stop in story.stops)]
    table = ["<table>", *(f"<tr>{row}</tr>" for row in rows), "</table>"]
    return "".join([*lines, *table, _image(picture) if picture else ""])


def _image(picture: str) -> str:
    data = base64.b64encode(picture.encode()).decode()
    return f'<p><img alt="timeline" src="data:image/svg+xml;base64,{data}" width="100%"></p>'


def way_back(story: Story) -> str:
    """Return how the traffic came back, in a sentence; empty where it never had to."""
    sent = [f"abort sent {seconds(story.sent.seconds)} after the decision"] if story.sent else []
    proof = story.proven.sentence if story.proven else ""
    missing = f"NOT PROVEN: {story.not_proven.reason}" if story.not_proven else ""
    return "; ".join([*sent, *filter(None, (proof, missing))])


def _row(stop: Stop) -> Iterable[str]:
    if stop.opened is None:
        return (stop.label, "never opened", "", "", "")
    lasted = "" if stop.seconds is None else seconds(stop.seconds)
    why = stop.reason
    if stop.verdict == Verdict.SUCCESSFUL:
        told = (finding for finding in deciding(stop.findings) if finding.metric != "tests")
        why = "; ".join(brief(finding) for finding in told)
    why = "; ".join(filter(None, (stop.by_pods, why)))
    return (stop.label, stop.verdict or "not judged", lasted, counted(stop.counts), why)


def _cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag} {_WRAP}>{_text(text)}</{tag}>" for text in texts)


def _text(text: str) -> str:
    return html.escape(text)
