"""What the options ask for, checked against the plan and the platform before anything begins."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import cast

import pytest

from canarytest.core.errors import ConfigError
from canarytest.core.plan import Plan
from canarytest.core.ports import ImageTaker, Platform, Twin
from canarytest.plugin import asking, preflight, settings

_ONLY_TELL = ("help", "markers", "cacheshow")
_ONLY_COLLECT = ("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test")


def only_tell(option: Namespace) -> bool:
    """Whether pytest is only asked about itself, which takes no configuration."""
    return _any_of(_ONLY_TELL, option)


def only_collect(option: Namespace) -> bool:
    """Whether no test will run, so that no rollout may begin."""
    return _any_of(_ONLY_COLLECT, option)


def refuse_blind(option: Namespace) -> None:
    """Raise ConfigError for an option of pytest's by which a run would verify too little."""
    if option.continue_on_collection_errors:
        raise ConfigError(
            "--continue-on-collection-errors: a suite that cannot be collected verifies nothing, "
            "and the canary would be promoted without it; leave it out"
        )
    if getattr(option, "setuponly", False) and not only_collect(option):
        raise ConfigError(
            "--setup-only runs no test, so that no step could be left; "
            "use --setup-plan, which touches nothing"
        )


def platform(
    chosen: settings.Settings, plan: Plan, directory: Path, config: pytest.Config
) -> Platform:
    """Return the platform of the target; raises ConfigError for what it cannot do."""
    option = config.option
    create = settings.load_platform(chosen.platform, chosen.where)
    found: Platform = create(chosen.platform_table(), root=chosen.root, run_dir=directory)
    preflight.refuse_unsupported(plan, found, chosen.platform)
    wants_resume = option.canary_resume or option.canary_until is not None
    wishes = {"image": option.canary_image is not None, "resume": wants_resume}
    for ability, is_wished in wishes.items():
        if is_wished and ability not in found.abilities:
            raise ConfigError(_cannot(ability, chosen.platform))
    if plan.may_undo and "undo" not in found.abilities:
        raise ConfigError(
            f"{chosen.where}.after_promotion: the platform {chosen.platform!r} cannot undo a "
            "promotion, so that there is nothing to watch it for; leave the key out"
        )
    if option.canary_resume and option.canary_image is not None:
        raise ConfigError(
            "--canary-resume goes on with the revision that was left, and --canary-image begins "
            "another one; leave one of them out"
        )
    if option.canary_image is not None:
        _use_image(found, option.canary_image)
    if option.canary_aa and "identical" in found.abilities:  # else the user says that it is
        cast("Twin", found).use_identical()
    _refuse_unknown_weight("--canary-drill", option.canary_drill, plan)
    if option.canary_approve == "ask" and not asking.is_anybody_there(config):
        raise ConfigError("--canary-approve ask: there is no terminal to ask at; use auto")
    return found


def _use_image(platform: Platform, wish: str) -> None:
    container, _, image = wish.partition("=")
    if not (container and image):
        raise ConfigError(
            f"--canary-image {wish!r}: expected CONTAINER=IMAGE, "
            "e.g. petclinic=registry.example.com/petclinic:v101"
        )
    cast("ImageTaker", platform).use_image(container, image)


def _any_of(names: tuple[str, ...], option: Namespace) -> bool:
    return any(getattr(option, name, False) for name in names)  # a plugin may be switched off


def _refuse_unknown_weight(name: str, weight: int | None, plan: Plan) -> None:
    weights = [step.weight for step in plan.steps]
    if weight is not None and weight not in weights:
        raise ConfigError(
            f"{name} {weight}: there is no step of this weight; "
            f"expected one of {', '.join(map(str, weights))}"
        )


def _cannot(ability: str, platform: str) -> str:
    if ability == "image":
        return (
            f"--canary-image: the platform {platform!r} runs commands, not images; "
            "set run.canary of the target instead"
        )
    return (
        f"--canary-until and --canary-resume: the platform {platform!r} cannot leave a rollout "
        "paused and go on with it in another run; leave the option out"
    )
