"""Argo Rollouts on a real cluster: drives a Rollout by the same orders as its kubectl plugin."""

from canarytest.platforms.argo.platform import ArgoPlatform, create, live_rollout

__all__ = ["ArgoPlatform", "create", "live_rollout"]
