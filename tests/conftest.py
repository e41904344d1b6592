"""Settings of every test: properties have no deadline, because a busy machine is not a failure."""

from hypothesis import settings

settings.register_profile("fleawatch", deadline=None)
settings.load_profile("fleawatch")
