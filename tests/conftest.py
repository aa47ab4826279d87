"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A deadline an example would fail on a busy machine, which says nothing about the program.
settings.register_profile("align", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("align")
