"""`python -m text_to_image` is the command `text-to-image`."""

from text_to_image.cli import main

main()
