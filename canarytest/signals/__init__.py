"""Where measurements come from: load, the edge probe, the split."""
