"""Errors that a trader can act on: each message carries the value, the place and the remedy."""


class AlignError(Exception):
    """Base of every error that Align raises on purpose."""


class ConfigError(AlignError):
    """align.toml or an ALIGN_ variable cannot be used as written (exit code 2)."""


class LogFormatError(AlignError):
    """A log cannot be read at all; single bad lines are data and go into quarantine."""


class BundleError(AlignError):
    """A model bundle is damaged, changed or incomplete."""


class PipelineError(AlignError):
    """The trader's feature function failed or returned something unusable."""


class CandleError(AlignError):
    """A candle file or an exchange could not be read."""


class StorageError(AlignError):
    """The database cannot be opened, migrated or written."""
