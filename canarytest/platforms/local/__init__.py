"""The local platform: two processes, and a real Envoy in front."""

from canarytest.platforms.local.platform import LocalPlatform, create

__all__ = ["LocalPlatform", "create"]
