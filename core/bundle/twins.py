"""Bundles that hold byte-identical models, whatever their names."""

from collections import defaultdict
from collections.abc import Mapping

from core.bundle.manifest import Manifest
from core.market import Side


def identical_models(
    manifests: Mapping[str, Manifest],
) -> tuple[tuple[tuple[str, Side], ...], ...]:
    """Groups of (bundle, side) that share one model file by content, two or more each.

    `manifests` by the name that the reader knows them by (a path). A bundle whose LONG
    and SHORT are one model is a group of its own.
    """
    groups: dict[str, list[tuple[str, Side]]] = defaultdict(list)
    for name, manifest in manifests.items():
        for side, entry in manifest.sides.items():
            groups[entry.sha256].append((name, side))
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
