"""The emulated models, the regions of each, and how a call names one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.emulator.errors import UNKNOWN_ARN, UNKNOWN_MODEL, Refusal, invalid
from local.emulator.families import Family
from local.emulator.families.nova_canvas import NovaCanvas
from local.emulator.families.stability import CORE, SD3_5_LARGE, ULTRA
from local.emulator.families.titan import Titan


@dataclass(frozen=True)
class Model:
    id: str
    family: Family
    regions: frozenset[str]


def _model(model_id: str, family: Family, *regions: str) -> Model:
    return Model(model_id, family, frozenset(regions))


FAMILIES: dict[str, Family] = {
    "titan": Titan(),
    "canvas": NovaCanvas(),
    "core": CORE,
    "ultra": ULTRA,
    "sd3.5": SD3_5_LARGE,
}

MODELS = {
    model.id: model
    for model in (
        _model("amazon.titan-image-generator-v2:0", FAMILIES["titan"], "us-east-1", "us-west-2"),
        _model("amazon.nova-canvas-v1:0", FAMILIES["canvas"], "us-east-1", "eu-west-1", "ap-northeast-1"),
        _model("stability.stable-image-core-v1:1", CORE, "us-west-2"),
        _model("stability.stable-image-ultra-v1:1", ULTRA, "us-west-2"),
        _model("stability.sd3-5-large-v1:0", SD3_5_LARGE, "us-west-2"),
    )
}

ARN_FIELDS = 6


def more(families: Mapping[str, str]) -> dict[str, Model]:
    """Return the models beside the usual ones, by their ids, from the family of each ARN. Raise ValueError."""
    found: dict[str, Model] = {}
    for arn, family in families.items():
        parts = arn.split(":", ARN_FIELDS - 1)
        if len(parts) < ARN_FIELDS or not parts[5].startswith("foundation-model/"):
            raise ValueError(f"{arn!r} is no model's ARN")
        if family not in FAMILIES:
            raise ValueError(f"{family!r} is none of {', '.join(FAMILIES)}")
        name = parts[5].removeprefix("foundation-model/")
        model = found.get(name) or MODELS.get(name) or _model(name, FAMILIES[family])
        found[name] = replace(model, regions=model.regions | {parts[3]})
    return found


@dataclass(frozen=True)
class Catalog:
    """The models of one emulator, and the application inference profiles that copy some of them."""

    models: Mapping[str, Model]
    profiles: Mapping[str, str]

    @property
    def names(self) -> set[str]:
        return {*self.models, *self.profiles}

    def find(self, identifier: str, region: str | None) -> Model:
        """Return the model of an id or ARN; unsigned requests have no region and may call any model."""
        if identifier.startswith("arn:"):
            return self._by_arn(identifier, region)
        return self._by_id(identifier, region)

    def _by_arn(self, arn: str, region: str | None) -> Model:
        parts = arn.split(":", ARN_FIELDS - 1)
        if len(parts) < ARN_FIELDS or region not in {None, parts[3]}:
            raise invalid(UNKNOWN_MODEL)
        kind, _, name = parts[5].partition("/")
        if kind == "foundation-model":
            return self._by_id(name, parts[3])
        if arn not in self.profiles:
            raise Refusal("ResourceNotFoundException", UNKNOWN_ARN)
        return self._by_id(self.profiles[arn], parts[3])

    def _by_id(self, model_id: str, region: str | None) -> Model:
        model = self.models.get(model_id)
        if model is None or (region is not None and region not in model.regions):
            raise invalid(UNKNOWN_MODEL)
        return model
