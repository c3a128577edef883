"""The pytest side: options, fixtures, markers, collection, the loop, the exit status."""
