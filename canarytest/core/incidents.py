"""What an incident means for the rollout. Pure."""

from __future__ import annotations

from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause

_OF_CANARY = {
    IncidentKind.RESTARTED: Cause.RESTARTED,
    IncidentKind.CONDEMNED: Cause.CONDEMNED,
}


def cause_of(incident: Incident) -> Cause:
    """Return why *incident* ends a rollout; the canary is to blame for its own trouble only."""
    if incident.kind is IncidentKind.UNJUDGED:
        return Cause.INCONCLUSIVE
    if incident.version is not Version.CANARY:
        return Cause.WORLD
    return _OF_CANARY.get(incident.kind, Cause.NOT_READY)
