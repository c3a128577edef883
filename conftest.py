"""Only the root conftest may name plugins."""

pytest_plugins = ["pytester"]
