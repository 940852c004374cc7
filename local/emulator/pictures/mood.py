"""Reads a prompt for words that a picture can answer to."""

import random
import re
from dataclasses import dataclass

from local.emulator.pictures.brush import Colour


@dataclass(frozen=True)
class Light:
    """The colours of a time of day: the sky from top to horizon, what shines, what is far, what is dark."""

    sky: tuple[Colour, ...]
    glow: Colour
    haze: Colour
    shade: Colour
    darkness: float
    stars: bool = False


LIGHTS = {
    "dawn": Light(
        ((58, 74, 130), (136, 126, 176), (238, 170, 160), (255, 216, 176)),
        (255, 232, 190),
        (240, 192, 178),
        (52, 48, 88),
        0.45,
    ),
    "day": Light(
        ((30, 98, 182), (84, 156, 220), (166, 208, 236), (230, 240, 240)),
        (255, 250, 226),
        (196, 220, 234),
        (28, 62, 78),
        0.12,
    ),
    "sunset": Light(
        ((44, 30, 88), (132, 48, 112), (230, 90, 84), (255, 172, 92), (255, 222, 148)),
        (255, 216, 138),
        (244, 144, 104),
        (46, 20, 54),
        0.6,
    ),
    "dusk": Light(
        ((16, 22, 62), (54, 52, 118), (132, 90, 150), (232, 142, 136)),
        (255, 204, 168),
        (156, 104, 150),
        (20, 18, 50),
        0.7,
        stars=True,
    ),
    "night": Light(
        ((4, 8, 26), (10, 22, 58), (24, 46, 98), (60, 88, 142)),
        (216, 230, 255),
        (58, 82, 134),
        (6, 10, 28),
        0.85,
        stars=True,
    ),
    "storm": Light(
        ((40, 50, 66), (84, 98, 114), (142, 154, 164), (204, 208, 204)),
        (240, 240, 228),
        (164, 174, 180),
        (34, 44, 54),
        0.4,
    ),
    "pastel": Light(
        ((126, 158, 226), (190, 178, 236), (248, 196, 216), (255, 230, 218)),
        (255, 246, 226),
        (236, 206, 226),
        (88, 84, 140),
        0.3,
    ),
}

LIGHT_WORDS = {
    "dawn": "dawn sunrise morning daybreak breakfast",
    "day": "day daylight sunny noon summer bright sky",
    "sunset": "sunset golden evening fire flame warm lava volcano autumn romantic",
    "dusk": "dusk twilight cyberpunk neon mystic mysterious magic magical fantasy dream dreamy",
    "night": "night midnight moon moonlight moonlit star stars starry dark aurora nocturnal ghost halloween",
    "storm": "storm stormy rain rainy fog foggy mist misty cloudy overcast thunder grey gray gloomy winter",
    "pastel": "pastel candy pink cute kawaii soft spring blossom watercolor watercolour unicorn",
}
PLACE_WORDS = {
    "mountains": "mountain mountains peak peaks alps alpine hill hills valley cliff volcano himalaya glacier "
    "lake river fjord pond",
    "sea": "sea ocean beach coast wave waves water island harbour harbor boat ship sail sailboat "
    "lighthouse fish whale dolphin bay shore surf",
    "forest": "forest wood woods trees jungle pine pines deer fox bear wolf owl cabin rainforest",
    "city": "city town skyline street building buildings skyscraper tower urban cyberpunk neon office downtown "
    "car cars traffic robot bridge architecture",
    "desert": "desert dune dunes sand sahara camel cactus pyramid canyon mars arid",
    "meadow": "meadow flower flowers field fields garden grass rose roses tulip tulips sunflower sunflowers "
    "daisy lavender poppy poppies farm village spring blossom bee butterfly horse rabbit "
    "lonely lone oak tree",
    "space": "space galaxy planet planets nebula cosmos cosmic universe astronaut rocket saturn alien starship "
    "spaceship asteroid",
    "paper": "abstract pattern texture geometric shapes logo wallpaper background art minimal minimalist icon "
    "paper layers colourful colorful psychedelic",
}
THING_WORDS = {
    "cat": "cat cats kitten kitty feline",
    "birds": "bird birds seagull gull gulls eagle crow raven swallow geese dragon",
    "boat": "boat boats sail sailboat ship yacht sailing harbour harbor fishing",
    "balloon": "balloon balloons airship",
    "house": "house home cabin cottage hut barn farm village castle",
    "tree": "tree oak lonely lone bonsai",
    "lighthouse": "lighthouse beacon",
    "aurora": "aurora borealis northern",
    "rain": "rain rainy storm thunderstorm monsoon",
    "snow": "snow snowy snowfall winter blizzard christmas ice icy frozen glacier",
    "fireflies": "firefly fireflies magic magical fairy enchanted lantern lanterns",
    "lake": "lake river reflection reflections pond fjord",
    "autumn": "autumn fall maple october",
}
TINTS: dict[str, Colour] = {
    "red": (228, 40, 48),
    "crimson": (200, 20, 60),
    "orange": (250, 130, 30),
    "yellow": (250, 210, 40),
    "gold": (240, 180, 50),
    "green": (50, 170, 80),
    "emerald": (20, 160, 110),
    "teal": (20, 160, 160),
    "turquoise": (50, 200, 200),
    "blue": (40, 90, 230),
    "purple": (140, 60, 210),
    "violet": (150, 80, 230),
    "pink": (250, 110, 170),
    "brown": (140, 90, 50),
}
USUAL_PLACES = ("mountains", "sea", "forest", "desert", "meadow", "paper", "mountains", "sea")
USUAL_LIGHTS = ("dawn", "day", "sunset", "dusk", "sunset", "pastel", "day")


@dataclass(frozen=True)
class Mood:
    place: str
    light: Light
    things: frozenset[str]
    tint: Colour | None


def read_mood(prompt: str) -> Mood:
    """Decide by the prompt alone, so that another seed is another view of the same place."""
    words = re.findall(r"[a-z]+", prompt.lower())
    whim = random.Random(prompt.encode("utf-8", "surrogatepass"))  # noqa: S311 - no secret
    things = frozenset(thing for thing, known in THING_WORDS.items() if not set(words).isdisjoint(known.split()))
    usual_place, usual_light = whim.choice(USUAL_PLACES), whim.choice(USUAL_LIGHTS)
    return Mood(
        place=_first_known(words, PLACE_WORDS) or usual_place,
        light=LIGHTS[_first_known(words, LIGHT_WORDS) or usual_light],
        things=things,
        tint=next((TINTS[word] for word in words if word in TINTS), None),
    )


def _first_known(words: list[str], vocabulary: dict[str, str]) -> str | None:
    named = (name for word in words for name, known in vocabulary.items() if word in known.split())
    return next(named, None)
