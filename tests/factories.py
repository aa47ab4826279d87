"""Tiny frames with hand-computed answers; defaults are sensible, tests state what matters."""
