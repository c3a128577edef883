"""Moments of a rollout that tests wait for."""

from canarytest.platforms.argo.view import RolloutView


def at_ten_percent(view: RolloutView) -> bool:
    return view.is_held and view.weight == 10


def in_the_dark(view: RolloutView) -> bool:
    return view.sits_in_pause and view.index == 1
