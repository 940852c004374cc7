"""The XMP packet that says where an image comes from."""

from imaging.images.provenance import GENERATOR, packet


def test_the_packet_names_the_tool_that_made_the_image() -> None:
    assert f' xmp:CreatorTool="{GENERATOR}"' in packet().decode()
