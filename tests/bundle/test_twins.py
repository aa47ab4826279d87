from core.bundle.manifest import Manifest, SideManifest
from core.bundle.scaler import Scaler
from core.bundle.twins import identical_models
from core.market import Side


def manifest(**models: str) -> Manifest:
    return Manifest(
        "any",
        {
            Side(side.upper()): SideManifest("m.json", sha256, Scaler(), ("rsi",))
            for side, sha256 in models.items()
        },
    )


def test_models_with_one_content_are_found_under_all_their_names() -> None:
    known = {
        "a": manifest(long="1", short="2"),
        "b": manifest(long="3", short="2"),
        "c": manifest(long="4", short="4"),
    }
    assert identical_models(known) == (
        (("a", Side.SHORT), ("b", Side.SHORT)),
        (("c", Side.LONG), ("c", Side.SHORT)),
    )
    assert identical_models({"a": known["a"]}) == ()
