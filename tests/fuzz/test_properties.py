"""What holds for every request: sizes, plans, prices, and bytes that may be a PNG."""

import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.body import GenerateBody
from api.openai import ImagesRequest
from imaging.errors import InvalidRequest, NotFound
from imaging.images import png
from imaging.images.encoding import Format, Rendition, encode
from imaging.images.fitting import fit
from imaging.models import catalog
from imaging.models.catalog import Model
from imaging.models.sizing import Size
from imaging.planning.plan import Plan, max_price, plan
from imaging.planning.route import Route
from imaging.requests.request import MAX_IMAGES, MAX_SEED, MAX_SIDE, GenerationRequest
from tests.fakes import bedrock
from tests.fuzz.options import bounded

MODELS = st.sampled_from(list(catalog.MODELS.values()))
SEEDS = st.integers(0, MAX_SEED) | st.sampled_from([0, MAX_SEED - 1, MAX_SEED])
SIDES = st.integers(1, MAX_SIDE) | st.sampled_from([512, 768, 1024, 1536, MAX_SIDE])
REQUESTS = st.builds(
    GenerationRequest,
    text=st.just("a fox"),
    width=SIDES,
    height=SIDES,
    number_of_images=st.integers(1, MAX_IMAGES),
    cfg_scale=st.floats(1, 20),
    quality=st.sampled_from(["standard", "premium"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", [GenerateBody, ImagesRequest])
@given(data=st.data())
@bounded(200)
def test_any_object_is_a_request_or_is_refused(kind: type[GenerateBody | ImagesRequest], data: st.DataObject) -> None:
    given_fields = {name: JSON | _likely(name) for name in kind.model_fields}
    body = data.draw(st.fixed_dictionaries({}, optional=given_fields))
    with suppress(ValidationError, InvalidRequest, NotFound):
        request = kind.model_validate(body).generation_request()
        assert GenerationRequest.model_validate(request.model_dump(exclude_unset=True)) == request


def _likely(name: str) -> st.SearchStrategy[object]:
    values: dict[str, st.SearchStrategy[object]] = {
        "text": st.text(min_size=1),
        "prompt": st.text(min_size=1),
        "width": st.integers(500, 1030) | st.floats(500, 1030),
        "height": st.integers(500, 1030),
        "size": st.from_regex(r"[0-9]{1,5}x[0-9]{1,5}", fullmatch=True),
        "n": st.integers(0, 11),
        "number_of_images": st.integers(0, 5),
        "seed": st.integers(-1, MAX_SEED + 1),
        "model": st.sampled_from([*catalog.MODELS, "titan", "dall-e-3", "amazon.nothing"]),
    }
    return values.get(name, st.nothing())


@given(model=MODELS, request=REQUESTS, seed=SEEDS)
@bounded(500)
def test_a_size_is_delivered_exactly_or_the_answer_says_so(model: Model, request: GenerationRequest, seed: int) -> None:
    made = _plan(model, request, seed)
    native = made.calls[0].ask.size
    is_exact = (made.wanted.width, made.wanted.height) == (request.width, request.height)

    assert native.covers(made.wanted)
    assert is_exact != made.is_scaled
    assert [warning.code for warning in made.warnings].count("size_scaled") == made.is_scaled
    assert is_exact or not native.covers(Size(request.width, request.height))


@given(model=MODELS, request=REQUESTS, seed=SEEDS)
@bounded(500)
def test_a_plan_has_each_image_once_with_a_seed_that_means_itself(
    model: Model, request: GenerationRequest, seed: int
) -> None:
    made = _plan(model, request, seed)
    slots = [slot for call in made.calls for slot in call.slots]
    images = {(slot.seed, slot.seed_index) for slot in slots}

    assert [slot.index for slot in slots] == list(range(request.number_of_images))
    assert all(len(call.slots) == call.ask.images <= model.images_per_call for call in made.calls)
    assert all(0 <= call.ask.seed <= MAX_SEED for call in made.calls)
    assert all(call.ask.seed != model.random_seed for call in made.calls[1:])
    assert len(images) == len(slots)


@given(request=REQUESTS, seed=SEEDS, data=st.data())
@bounded(500)
def test_the_reservation_covers_what_any_model_may_cost(
    request: GenerationRequest, seed: int, data: st.DataObject
) -> None:
    settled = data.draw(st.sets(st.integers(0, request.number_of_images - 1)))
    plans = [_plan(model, request, seed) for model in catalog.MODELS.values()]
    missing = request.number_of_images - len(settled)

    for each in plans:
        called = [call for call in each.calls if any(slot.index not in settled for slot in call.slots)]
        cost = sum(len(call.slots) * each.price_micros for call in called)
        assert max_price(plans, settled) >= cost >= each.price_micros * missing


def _plan(model: Model, request: GenerationRequest, seed: int) -> Plan:
    return plan(Route(model, model.id), request, seed)


SMALL = st.builds(Size, st.integers(1, 40), st.integers(1, 40))


@given(native=SMALL, wanted=SMALL)
@bounded(200)
def test_a_picture_is_fitted_to_exactly_the_wanted_size(native: Size, wanted: Size) -> None:
    fitted = fit(bedrock.png(native.width, native.height), native, wanted)

    assert png.dimensions(fitted) == (wanted.width, wanted.height)


CHUNKS = st.tuples(
    st.sampled_from([b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"iTXt", b"zTXt", b"tEXt", b"iCCP", b"eXIf", b"caBX", b"IEND"])
    | st.binary(min_size=4, max_size=4),
    st.binary(max_size=64)
    | st.builds(zlib.compress, st.binary(max_size=64))
    | st.builds(struct.Struct(">IIBBBBB").pack, *[st.integers(0, 2**32 - 1)] * 2, *[st.integers(0, 255)] * 5)
    | st.builds(struct.Struct(">IIBBBBB").pack, *[st.integers(0, 9)] * 2, *[st.integers(0, 16)] * 5),
)


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A file of these chunks, with the right lengths and checksums."""
    parts = (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return png.SIGNATURE + b"".join(parts)


REAL = bedrock.png(8, 8)
REAL_CHUNKS = [(kind, bytes(whole[8:-4])) for kind, whole in png.chunks(REAL)]
PLACES = st.integers(0, len(REAL))
FILES = st.one_of(
    st.binary(max_size=200),
    st.builds(_png, st.lists(CHUNKS, max_size=8)),
    st.builds(lambda head, more: _png([head, *more, *REAL_CHUNKS]), CHUNKS, st.lists(CHUNKS, max_size=4)),
    st.builds(
        lambda place, chunk: _png([*REAL_CHUNKS[:place], chunk, *REAL_CHUNKS[place:]]), st.integers(0, 3), CHUNKS
    ),
    st.builds(lambda start, more, end: REAL[:start] + more + REAL[end:], PLACES, st.binary(max_size=8), PLACES),
)


@given(data=FILES)
@bounded(1000)
def test_any_bytes_are_a_png_or_are_refused_as_none(data: bytes) -> None:
    with suppress(png.NotAWholePng):
        width, height = png.dimensions(data)
        assert min(width, height) >= 0
        fit(data, Size(width, height), Size(4, 4))


@given(data=FILES, form=st.sampled_from(Format))
@bounded(500)
def test_any_bytes_become_a_rendition_or_are_refused_as_no_png(data: bytes, form: Format) -> None:
    with suppress(png.NotAWholePng):
        assert encode(data, Rendition(form, width=64))
