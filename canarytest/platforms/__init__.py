"""Where a rollout runs: one package for each platform, none imports another."""
