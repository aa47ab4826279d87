"""What holds for every test."""

from hypothesis import settings

# A deadline an example would fail on a busy machine, which says nothing about the program.
settings.register_profile("align", deadline=None)
settings.load_profile("align")
