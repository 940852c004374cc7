"""Finds the words of a prompt that a picture can show."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from local.emulator.pictures.brush import Colour


@dataclass(frozen=True)
class Light:
    """The colours of a time of day; the sky's run from top to horizon."""

    sky: tuple[Colour, ...]
    glow: Colour
    haze: Colour
    shade: Colour
    darkness: float
    stars: bool = False


def _light(sky: str, others: str, darkness: float, *, stars: bool = False) -> Light:
    glow, haze, shade = _colours(others)
    return Light(_colours(sky), glow, haze, shade, darkness, stars)


def _colours(codes: str) -> tuple[Colour, ...]:
    return tuple((red, green, blue) for red, green, blue in map(bytes.fromhex, codes.split()))


LIGHTS = {
    "dawn": _light("3a4a82 887eb0 eeaaa0 ffd8b0", "ffe8be f0c0b2 343058", 0.45),
    "day": _light("1e62b6 549cdc a6d0ec e6f0f0", "fffae2 c4dcea 1c3e4e", 0.12),
    "sunset": _light("2c1e58 843070 e65a54 ffac5c ffde94", "ffd88a f49068 2e1436", 0.6),
    "dusk": _light("10163e 363476 845a96 e88e88", "ffcca8 9c6896 141232", 0.7, stars=True),
    "night": _light("04081a 0a163a 182e62 3c588e", "d8e6ff 3a5286 060a1c", 0.85, stars=True),
    "storm": _light("283242 546272 8e9aa4 ccd0cc", "f0f0e4 a4aeb4 222c36", 0.4),
}
LIGHT_WORDS = {
    "dawn": "dawn sunrise morning soft spring pastel",
    "day": "day sunny noon summer bright",
    "sunset": "sunset golden evening fire volcano autumn romantic",
    "dusk": "dusk twilight neon magic dream",
    "night": "night midnight moon moonlit stars starry dark space galaxy",
    "storm": "storm stormy rain fog foggy mist misty cloudy grey gray winter",
}
PLACE_WORDS = {
    "mountains": "mountain mountains peak alps valley volcano glacier lake river fjord",
    "sea": "sea ocean shore beach coast waves island harbour harbor boat ship lighthouse fish whale",
    "forest": "forest wood woods trees jungle pine pines deer fox bear wolf owl cabin",
    "city": "city town skyline street building buildings skyscraper urban neon office car robot",
    "desert": "desert dune dunes sand sahara camel canyon mars",
    "meadow": "meadow flower flowers field garden grass tree farm village spring blossom horse rabbit",
}
THING_WORDS = {
    "cat": "cat cats kitten",
    "birds": "bird birds gulls eagle crow geese dragon",
    "boat": "boat boats sail sailing sailboat ship yacht",
    "balloons": "balloon balloons airship",
    "house": "house houses home cabin cottage hut farm village castle",
    "lighthouse": "lighthouse beacon",
    "rain": "rain rainy storm thunderstorm",
    "snow": "snow snowy winter christmas ice glacier",
    "lake": "lake river reflection fjord",
    "autumn": "autumn fall october",
}
TINTS = {"red", "crimson", "orange", "gold", "green", "teal", "turquoise", "blue", "purple", "violet", "pink"}


@dataclass(frozen=True)
class Mood:
    place: str
    light: Light
    things: frozenset[str]
    tint: str | None


def read_mood(prompt: str) -> Mood:
    """Read the prompt alone, so that another seed gives another view of the same place."""
    words = re.findall(r"[a-z]+", prompt.lower())
    whim = random.Random(prompt.encode("utf-8", "surrogatepass"))  # noqa: S311 - no secret
    return Mood(
        place=next(_named(words, PLACE_WORDS), whim.choice(("mountains", "sea", "forest", "desert", "meadow"))),
        light=LIGHTS[next(_named(words, LIGHT_WORDS), whim.choice(("dawn", "day", "sunset", "dusk")))],
        things=frozenset(_named(words, THING_WORDS)),
        tint=next((word for word in words if word in TINTS), None),
    )


def _named(words: list[str], vocabulary: dict[str, str]) -> Iterator[str]:
    return (name for word in words for name, known in vocabulary.items() if word in known.split())
