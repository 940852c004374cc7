"""Browser functions that Streamlit lacks, implemented in `browser.js`."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import streamlit as st

_HERE = Path(__file__).parent


def prepare() -> None:
    """Load the scripts; call it first in each run."""
    st.html(_HERE / "page.css")
    with st.container(key="do-prepare"):
        st.html(f"<script>{(_HERE / 'browser.js').read_text()}</script>", unsafe_allow_javascript=True)


def say(token: str, words: str) -> None:
    """Announce the words to screen readers, once for each token."""
    _call("say", token, words)


def focus(token: str, selector: str) -> None:
    _call("focus", token, selector)


def rename(job_id: str) -> None:
    """Put the job into the page's address, without a step in the browser's history."""
    if st.query_params.get("job") != job_id:
        _rename(job_id)


@st.fragment(run_every=1.0)
def _rename(job_id: str) -> None:
    """Change the browser's address, and a second later Streamlit's, which adds a step if it is the first to change."""
    _call("rename", job_id, f"?job={quote(job_id)}")
    if st.session_state.get("renamed") == job_id:
        st.query_params["job"] = job_id
        st.rerun()
    st.session_state.renamed = job_id


def redrawn(token: str) -> None:
    """Say that the page is alive. If nothing runs for half a minute and this is not called with another token, the
    page loads itself again."""
    _call("redrawn", token)


def copy(token: str, text: str, words: str) -> None:
    """Copy the text to the clipboard, and announce the words."""
    _call("copy", token, text, words)


def _call(function: str, token: str, *values: str) -> None:
    # A "<" in a text could end the script.
    arguments = json.dumps([f"{function} {token}", *values]).replace("<", "\\u003c")
    with st.container(key=f"do-{function}"):
        st.html(f"<script>window.studio?.{function}(...{arguments})</script>", unsafe_allow_javascript=True)
