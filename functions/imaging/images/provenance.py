"""What an image file says of its origin: a model made it, with which program, and when. Never the prompt.

The statement is an XMP packet with IPTC's digital source type, as
https://iptc.org/std/photometadata/documentation/userguide/ asks for.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from imaging.images.png import SIGNATURE, chunk, chunks
from version import VERSION

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
GENERATOR_NAME = "text-to-image-api"
GENERATOR = f"{GENERATOR_NAME} {VERSION}"

_MANIFEST = b"caBX"
"""The chunk of a C2PA manifest, https://c2pa.org/specifications/ (Embedding manifests into PNG)."""
_XMP_KEYWORD = b"XML:com.adobe.xmp\0\0\0\0\0"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"{facts}/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def packet(model: str | None = None, made_at: float | None = None) -> bytes:
    """The XMP packet of an image that this model made at that time, in epoch seconds."""
    facts = {"Iptc4xmpExt:DigitalSourceType": SOURCE_TYPE, "xmp:CreatorTool": GENERATOR}
    if model is not None:
        facts["Iptc4xmpExt:AISystemUsed"] = model
    if made_at is not None:
        facts["xmp:CreateDate"] = f"{datetime.fromtimestamp(int(made_at), UTC):%Y-%m-%dT%H:%M:%SZ}"
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in facts.items())
    return _PACKET.format(facts=attributes).encode()


def marked(png: bytes, xmp: bytes) -> bytes:
    """The PNG with that XMP packet in place of its own. One with a C2PA manifest stays as it is: a change would break
    the manifest."""
    return png if has_manifest(png) else with_xmp(png, xmp)


def has_manifest(png: bytes) -> bool:
    return any(kind == _MANIFEST for kind, _ in chunks(png))


def with_xmp(png: bytes, xmp: bytes) -> bytes:
    """The PNG with that XMP packet in place of its own, even if that breaks a manifest."""
    return b"".join(_with_xmp(png, xmp))


def _with_xmp(png: bytes, xmp: bytes) -> Iterator[bytes | memoryview]:
    yield SIGNATURE
    for kind, whole in chunks(png):
        if not _is_xmp(kind, whole):
            yield whole
        if kind == b"IHDR":
            yield chunk(b"iTXt", _XMP_KEYWORD + xmp)


def _is_xmp(kind: bytes, whole: memoryview) -> bool:
    return kind == b"iTXt" and bytes(whole[8:]).startswith(b"XML:com.adobe.xmp\0")
