"""What a watch keeps and tells, and where it goes on after it broke."""

from collections.abc import Mapping, Sequence
from typing import Any

from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.watch import News, Objects, Watch
from tests.platforms.argo.objects import CANARY, said
from tests.platforms.argo.streams import GONE, Change, FakeApi, changed

NEWS = News(lambda found: found["metadata"]["name"].startswith("our"), most=2)


def told(api: FakeApi, news: News | None = None) -> list[list[str]]:
    """Return the names that each change left, once all streams were read."""
    seen: list[list[str]] = []

    def see(objects: Objects) -> None:
        seen.append(list(objects))

    watching = Watch(api, "/things", {"labelSelector": "a=b"}, see, news)  # type: ignore[arg-type]
    watching.start()
    api.wait()
    watching.stop()
    return seen


def added(*names: str) -> Sequence[Change]:
    return [("ADDED", changed(name, 500 + number)) for number, name in enumerate(names)]


def test_what_is_there_is_known_at_once_and_then_each_change() -> None:
    api = FakeApi(
        [changed("a", 1)],
        [*added("b"), ("MODIFIED", changed("a", 510)), ("DELETED", changed("b", 511))],
    )

    assert told(api) == [["a"], ["a", "b"], ["a", "b"], ["a"]]
    assert api.lists == [{"labelSelector": "a=b"}]
    assert api.watches[0]["resourceVersion"] == "100"


def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    bookmark = ("BOOKMARK", changed("", 777))
    api = FakeApi([], added("a"), [bookmark], added("b"))
    told(api)

    assert [query["resourceVersion"] for query in api.watches] == ["100", "500", "777"]
    assert len(api.lists) == 1


def test_a_version_that_is_too_old_is_listed_anew() -> None:
    api = FakeApi([changed("a", 1)], [*added("b"), GONE], added("c"))

    assert told(api) == [["a"], ["a", "b"], ["a"], ["a", "c"]]
    assert api.watches[1]["resourceVersion"] == "200"


def test_news_are_not_what_was_there_before_and_only_one_is_asked_for() -> None:
    api = FakeApi([changed("our-old", 1), changed("our-older", 2)], added("our-new"))

    assert told(api, NEWS) == [["our-new"]]
    assert api.lists == [{"labelSelector": "a=b", "limit": "1"}]


def test_of_news_those_of_others_are_passed_over_but_not_their_versions() -> None:
    api = FakeApi([], added("theirs", "theirs-too"), added("our-own"))

    assert told(api, NEWS) == [["our-own"]]
    assert api.watches[1]["resourceVersion"] == "501"


def test_of_news_so_many_are_kept_those_that_changed_last() -> None:
    again = [("MODIFIED", changed("our-1", 510)), *added("our-3")]
    api = FakeApi([], [*added("our-1", "our-2"), *again])

    assert told(api, NEWS)[-2:] == [["our-2", "our-1"], ["our-1", "our-3"]]


def test_news_that_are_deleted_were_told_and_those_before_a_gap_stay() -> None:
    gone: Change = ("DELETED", changed("our-1", 510))
    api = FakeApi([], [*added("our-1"), gone, GONE], added("our-2"))

    assert told(api, NEWS) == [["our-1"], ["our-1", "our-2"]]


class NamespaceApi(FakeApi):
    """Has streams for events only."""

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return super().get(path, query) | ({} if path.endswith("/events") else {"items": []})


def test_a_mirror_has_the_events_of_its_rollout_the_newest_first() -> None:
    pod = f"was-{CANARY}-x"
    theirs, first = said("other-8dd88c859", "FailedCreate"), said(pod, "Pulling", type="Normal")
    api = NamespaceApi([], [("ADDED", theirs), ("ADDED", first), ("ADDED", said(pod, "Failed"))])
    mirror = Mirror(api, "petclinic", "was")  # type: ignore[arg-type]
    mirror.start({"selector": {"matchLabels": {"app": "was"}}})
    found = mirror.wait(lambda: mirror.events if len(mirror.events) > 1 else None, 10)
    mirror.stop()

    assert [event.reason for event in found or ()] == ["Failed", "Pulling"]
