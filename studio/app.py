"""The studio's page: `streamlit run studio/app.py`."""

import sys
from pathlib import Path

# Streamlit looks for modules beside this file; the package is one above.
PROJECT = str(Path(__file__).resolve().parent.parent)
if PROJECT not in sys.path:
    sys.path.insert(0, PROJECT)

from studio.page import main  # noqa: E402 - found only now

main()
