"""The studio's page: `streamlit run studio/app.py`."""

import sys
from pathlib import Path

# Streamlit looks for modules beside this file; the studio's package is one above, the client's in `client/`.
PROJECT = Path(__file__).resolve().parent.parent
for folder in (str(PROJECT), str(PROJECT / "client")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from studio.page import main  # noqa: E402 - found only now

main()
