"""For all tests of the core: an example may take its time, other jobs run beside."""

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
