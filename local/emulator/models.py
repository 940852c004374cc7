"""The emulated models, the regions of each, and how a call names one."""

from collections.abc import Mapping
from dataclasses import dataclass

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


MODELS = {
    model.id: model
    for model in (
        _model("amazon.titan-image-generator-v2:0", Titan(), "us-east-1", "us-west-2"),
        _model("amazon.nova-canvas-v1:0", NovaCanvas(), "us-east-1", "eu-west-1", "ap-northeast-1"),
        _model("stability.stable-image-core-v1:1", CORE, "us-west-2"),
        _model("stability.stable-image-ultra-v1:1", ULTRA, "us-west-2"),
        _model("stability.sd3-5-large-v1:0", SD3_5_LARGE, "us-west-2"),
    )
}

ARN_FIELDS = 6


def find(identifier: str, region: str | None, profiles: Mapping[str, str]) -> Model:
    """Return the model of an id or ARN; unsigned requests have no region and may call any model."""
    if identifier.startswith("arn:"):
        return _by_arn(identifier, region, profiles)
    return _by_id(identifier, region)


def _by_arn(arn: str, region: str | None, profiles: Mapping[str, str]) -> Model:
    parts = arn.split(":", ARN_FIELDS - 1)
    if len(parts) < ARN_FIELDS or region not in {None, parts[3]}:
        raise invalid(UNKNOWN_MODEL)
    kind, _, name = parts[5].partition("/")
    if kind == "foundation-model":
        return _by_id(name, parts[3])
    if arn not in profiles:
        raise Refusal("ResourceNotFoundException", UNKNOWN_ARN)
    return _by_id(profiles[arn], parts[3])


def _by_id(model_id: str, region: str | None) -> Model:
    model = MODELS.get(model_id)
    if model is None or (region is not None and region not in model.regions):
        raise invalid(UNKNOWN_MODEL)
    return model
