"""`python -m local.guarded_studio <arguments of streamlit>`: the studio behind the guard, in its own environment.

Streamlit accepts pages of any port of this machine, and any name that leads to it.
"""

from typing import Any

from streamlit.web import cli
from streamlit.web.server.starlette import starlette_server as server

from local.guard import Guarded, is_navigation

FACTORY = "create_starlette_app"


def main() -> None:
    create = getattr(server, FACTORY)

    def guarded(runtime: Any) -> Guarded:  # noqa: ANN401 - Streamlit's own
        return Guarded(create(runtime), is_navigation)

    setattr(server, FACTORY, guarded)
    cli.main()


if __name__ == "__main__":
    main()
