"""All configuration, resolved and checked once, before anything is touched."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from canarytest.config import Table, nearest
from canarytest.core.bands import DEFAULT_BANDS, AgainstStable, Band, Policy, is_metric
from canarytest.core.driver import Limits
from canarytest.core.errors import ConfigError
from canarytest.core.lint import RULES
from canarytest.core.proof import Terms
from canarytest.core.query import Query
from canarytest.core.redaction import compiled
from canarytest.plugin import issues
from canarytest.plugin.archive import Archive, read_archive
from canarytest.plugin.metrics import Counters, read_band, read_counters, read_metrics, read_server
from canarytest.signals.load import LoadSpec
from canarytest.signals.prometheus import Server

SECTION = "tool.canarytest"
_TARGET_KEYS = (
    "platform",
    "rollout",
    "pause_at_most",
    "allow",
    "prometheus",
    "exposure",
    "on_first_deploy",
    "after_promotion",
)  # of any platform
_HIGHEST = {"error_rate": 1.0, "cpu": 10.0, "memory": 10.0}  # shares; who writes 90 means 0.9
MINIMAL = """\
[tool.canarytest]
target = "local"
suites = ["suites"]

[tool.canarytest.targets.local]
platform = "local"
rollout = "deploy/rollout.yaml"     # an Argo Rollout: its steps are the plan
run.stable = "python -m yourapp --version v1 --port {port}"
run.canary = "python -m yourapp --version v2 --port {port}"
ready = "/health"
identity = { path = "/info", json = "version" }
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `[tool.canarytest]` and the options say together."""

    root: Path  # the folder of pyproject.toml; all paths are relative to it
    target: str
    platform: str
    manifest: Path | None  # None: the platform reads the Rollout itself
    suites: tuple[str, ...]
    archive: Archive
    policy: Policy
    limits: Limits
    probe_rate: float  # requests a second at the edge
    probe_path: str | None  # what the probe asks for; None: the identity's path, or "/"
    load: LoadSpec | None  # of steps whose tests name none; None: no load there
    pause_at_most: float | None  # seconds that a timed pause is cut to; None: as planned
    allow: tuple[str, ...]  # preflight errors that this target takes for warnings
    options: Mapping[str, Any]  # the target's own keys, for its platform
    where: str  # the target's table, for messages
    metrics: tuple[Query, ...] = ()  # by queries, of any target
    prometheus: Server | None = None  # of the target; None: queries are not asked
    exposure: Counters | None = None  # of users' requests; None: the platform's router counts
    issues: Mapping[str, Any] = field(default_factory=dict)  # where known issues are to be found
    on_first_deploy: str = "fail"  # or "smoke": the tests run once where nothing is stable yet
    after_promotion_s: float = 0.0  # how long the promotion is watched as a step; 0: it is not
    redact: tuple[re.Pattern[str], ...] = ()  # what is a secret besides what always is one

    @property
    def reports(self) -> Path:
        """The folder for all that is left of runs."""
        return self.archive.reports

    def platform_table(self) -> Table:
        """Return the target's own keys, to be read by its platform."""
        return Table(self.options, self.where, known=_TARGET_KEYS)

    def documents(self) -> Sequence[Mapping[str, Any]]:
        """Return the Rollout as its platform has it, and what is beside it."""
        read = _sources()[self.platform].load()
        found: Sequence[Mapping[str, Any]] = read(self.platform_table(), root=self.root)
        return found


def read(root: Path, target: str | None) -> Settings:
    """
    Read `[tool.canarytest]` of *root*/pyproject.toml for *target*, or for the default one.

    Raises ConfigError, which names the key, what was expected and the nearest match.
    """
    top = Table(section(root / "pyproject.toml"), SECTION)
    default = top.take("target", str, "local")
    suites = _suites(top)
    kept = read_archive(top, root)
    redact = compiled(top.strings("redact", []), f"{SECTION}.redact")
    judge = top.table("judge")
    look_longer = judge.duration("look_longer", 60.0)
    policy = _policy(top.table("bands"), judge)
    metrics = read_metrics(top.table("metrics"), policy.bands)
    limits = Limits(look_longer, proof=_proof(top.table("proof")))
    probe = top.table("probe")
    probe_rate, probe_path = _probe(probe)
    load = _load(top, root)
    report = top.table("report")
    known = issues.read(report)
    report.finish()
    targets = top.table("targets")
    top.finish()
    name = target or default
    table = _target(targets, name)
    platform = table.take("platform", str)
    _known_platform(platform, table.where)
    # A platform that reads the Rollout itself knows it by another key than a path.
    manifest = None if platform in _sources() else root / table.take("rollout", str)
    at_most = table.duration("pause_at_most", 0.0) if table.has("pause_at_most") else None
    after_promotion_s = table.duration("after_promotion", 0.0)
    allow = _allowed(table)
    prometheus = read_server(table)
    exposure = read_counters(table, prometheus)
    # Only where the Rollout is read from a cluster can it be known to be its first revision.
    has_first = manifest is None
    first = table.choice("on_first_deploy", ("fail", "smoke"), "fail") if has_first else "fail"
    return Settings(
        root=root,
        target=name,
        platform=platform,
        manifest=manifest,
        suites=suites,
        archive=kept,
        policy=policy,
        limits=limits,
        probe_rate=probe_rate,
        probe_path=probe_path,
        load=load,
        pause_at_most=at_most,
        allow=allow,
        on_first_deploy=first,
        after_promotion_s=after_promotion_s,
        options=table.rest(),
        where=table.where,
        metrics=metrics,
        prometheus=prometheus,
        exposure=exposure,
        issues=known,
        redact=redact,
    )


def platforms() -> dict[str, Any]:
    """Return the installed platforms by name, as entry points."""
    return {point.name: point for point in entry_points(group="canarytest.platforms")}


def load_platform(name: str, where: str) -> Any:
    """Return what creates the platform *name*; raises ConfigError if it cannot be imported."""
    point = platforms()[name]
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        owner = f" of {point.dist.name}" if point.dist else ""
        raise ConfigError(
            f"{where}.platform: {name!r}{owner} cannot be loaded from {point.value!r}: {error}; "
            "install what it needs, or choose another platform"
        ) from error


def _sources() -> dict[str, Any]:
    """Return the platforms that read the Rollout themselves, by name, as entry points."""
    return {point.name: point for point in entry_points(group="canarytest.rollouts")}


def section(path: Path) -> object:
    """Return `[tool.canarytest]` of the pyproject.toml at *path*; raises ConfigError."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(_offer(f"{path} does not exist")) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    tool = data.get("tool")
    found = tool.get("canarytest") if isinstance(tool, Mapping) else None
    if found is None:
        raise ConfigError(_offer(f"{path} has no [tool.canarytest]"))
    return found


def _offer(found: str) -> str:
    return f"canarytest needs a configuration, but {found}. A minimal one:\n\n{MINIMAL}"


def _target(targets: Table, name: str) -> Table:
    known = targets.rest()
    if not known:
        raise ConfigError(f"{targets.where}: there is no target. A minimal one:\n\n{MINIMAL}")
    if name not in known:
        listed = ", ".join(sorted(known))
        hint = nearest(name, known) or "."
        raise ConfigError(f"{targets.where}: there is no target {name!r}{hint} Targets: {listed}.")
    return Table(known[name], f"{targets.where}.{name}")


def _known_platform(name: str, where: str) -> None:
    known = platforms()
    if name not in known:
        hint = nearest(name, known) or "."
        raise ConfigError(
            f"{where}.platform: there is no platform {name!r}{hint} "
            f"Installed: {', '.join(sorted(known))}."
        )


def _suites(top: Table) -> tuple[str, ...]:
    suites = top.strings("suites", ["suites"])
    if not suites:
        raise ConfigError(f"{SECTION}.suites: it is empty; expected files or folders of tests")
    return suites


def _probe(table: Table) -> tuple[float, str | None]:
    is_given = table.has("path")
    rate, path = table.take("rate", float, 20.0), table.take("path", str, "/")
    table.finish()
    if rate <= 0:
        raise ConfigError(f"{table.where}.rate: {rate} is not above 0, in requests a second")
    if not path.startswith("/"):
        raise ConfigError(f"{table.where}.path: {path!r} is not a path; it has to begin with '/'")
    return rate, path if is_given else None


def _allowed(table: Table) -> tuple[str, ...]:
    rules = [rule.id for rule in RULES]
    allow = table.strings("allow", [])
    for name in allow:
        if name not in rules:
            raise ConfigError(
                f"{table.where}.allow: there is no rule {name!r}{nearest(name, rules) or '.'} "
                f"Rules: {', '.join(rules)}."
            )
    return allow


def _policy(bands: Table, judge: Table) -> Policy:
    chosen = dict(DEFAULT_BANDS)
    for metric, value in bands.rest().items():
        if not is_metric(metric):
            known = sorted(DEFAULT_BANDS)
            hint = nearest(metric, known) or "."
            raise ConfigError(
                f"{bands.where}: unknown metric {metric!r}{hint} "
                f"Allowed: {', '.join(known)}, or another percentile such as latency_p99_ms."
            )
        chosen[metric] = _band(metric, value, f"{bands.where}.{metric}")
    policy = Policy(
        chosen,
        false_alarm=judge.take("false_alarm", float, 0.01),
        miss=judge.take("miss", float, 0.05),
        promote_on_warning=judge.choice("on_warning", ("abort", "promote"), "abort") == "promote",
        against_stable=AgainstStable(
            judge.choice("against_stable", tuple(map(str, AgainstStable)), "warning")
        ),
        worse_error_rate=judge.take("worse_error_rate", float, 0.005),
        worse_latency=judge.take("worse_latency", float, 0.05),
    )
    judge.finish()
    for name in ("false_alarm", "miss"):
        if not 0 < getattr(policy, name) <= 0.5:  # noqa: PLR2004  more than a coin is no test
            raise ConfigError(
                f"{judge.where}.{name}: {getattr(policy, name)} is not a probability "
                "above 0 and at most 0.5"
            )
    for name in ("worse_error_rate", "worse_latency"):
        if not 0 <= getattr(policy, name) < 1:
            raise ConfigError(
                f"{judge.where}.{name}: {getattr(policy, name)} is not a share from 0 to below 1, "
                "such as 0.05 for 5 %"
            )
    return policy


def _band(metric: str, value: object, where: str) -> Band:
    band = read_band(value, where)
    if band.roll_back > _HIGHEST.get(metric, math.inf):
        raise ConfigError(f"{where}: {value!r}: expected shares, 0.05 for 5 %")
    return band


def _proof(table: Table) -> Terms:
    default = Terms()
    terms = Terms(
        window_s=table.duration("window", default.window_s),
        responses=table.take("responses", int, default.responses),
        within_s=table.duration("within", default.within_s),
        hold_s=table.duration("hold", default.hold_s),
    )
    table.finish()
    if terms.responses < 1 or terms.within_s <= terms.window_s:
        raise ConfigError(
            f"{table.where}: {terms.responses} responses in a window of {terms.window_s:g} s, "
            f"within {terms.within_s:g} s: expected at least one response, "
            "and `within` longer than `window`"
        )
    return terms


def _load(top: Table, root: Path) -> LoadSpec | None:
    values = top.take("load", dict, None)
    return None if values is None else LoadSpec.from_table(Table(values, f"{SECTION}.load"), root)
