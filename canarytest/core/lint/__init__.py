"""
What is dangerous in a manifest, said before the first request.

An error makes the run unsafe or its result untrue, and stops it before anything is touched, unless
it is forced. A warning is said, and the run goes on. Why each is what it is:

============================= ========  ======================================================
auto-promotion-under-canary   error     the walk goes on where the manifest says that it waits
no-traffic-routing            error*    users get another share than the one written
unowned-alb-weights           error     no abort of ours or Argo's takes this share back
too-few-samples               warning   our own check takes as many responses as it needs
no-progress-deadline-abort    warning   while we watch, our own deadline aborts
query-mixes-versions          warning*  our own signals are counted by version
query-without-data            warning*  our own judge calls no data inconclusive
condition-compares-vector     warning*  a template that is not run harms nobody
failure-limit-acts-late       warning   we abort at the first failed report, whatever it says
needs-traffic-routing         error     Argo refuses the Rollout (InvalidSpec)
router-without-services       error     Argo refuses the Rollout (InvalidSpec)
unknown-step                  error     Argo refuses the Rollout (InvalidSpec)
unknown-canary-key            error*    what is written is not in force
deadline-not-above-min-ready  error     Argo refuses the Rollout (InvalidSpec)
count-is-percent              warning   the shares that we compute take it as Argo does
no-readiness-probe            error     users meet the canary before it can answer
no-dark-step                  warning   the walk is true, only its first user is at risk
canary-scale-held             warning   somebody may want it so, and it is walked as written
dark-pods-dropped             warning   what is verified is still this version, by other pods
weight-without-stop           warning   we verify the other stops as they are written
weight-not-rising             warning   it is walked as written
consecutive-pauses            warning   it is walked as written, only twice
no-limits                     warning   only the bands of CPU and memory are lost
scale-down-delay-zero         warning   it costs pods, not users
abort-scale-down-delay-zero   warning   the traffic is back before the pods are concerned
============================= ========  ======================================================

The severities with a star depend on the case. `no-traffic-routing` is a warning where the pods give
the weights by themselves, as ten of them do; `unknown-canary-key` where no known key is near it,
since a newer Argo may know it. The three of a query are errors where the Rollout runs the template.

Where a promotion is watched, and the pods are Argo's to end, there is an error more:
`previous-revision-gone`, since it is watched so that it can be taken back.

A rule is a function in the module of its subject, and stands in the registry in `rules`.
"""

from canarytest.core.lint.promotion import unwatchable
from canarytest.core.lint.rule import Finding, Rule, Severity
from canarytest.core.lint.rules import RULES, lint

__all__ = ["RULES", "Finding", "Rule", "Severity", "lint", "unwatchable"]
