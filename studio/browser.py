"""What the page does in the browser beyond Streamlit's elements; `browser.js` is the other half."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import streamlit as st

_HERE = Path(__file__).parent


def prepare() -> None:
    """Once in each run, before anything else of this module."""
    st.html(_HERE / "page.css")
    with st.container(key="do-prepare"):
        st.html(f"<script>{(_HERE / 'browser.js').read_text()}</script>", unsafe_allow_javascript=True)


def say(token: str, words: str) -> None:
    """Lets a screen reader read these words. Whatever has the same token happens once."""
    _call("say", token, words)


def focus(token: str, selector: str) -> None:
    _call("focus", token, selector)


def rename(job_id: str) -> None:
    """The page's address names this job, without a step for the browser's Back button."""
    if st.query_params.get("job") != job_id:
        _call("rename", job_id, f"?job={quote(job_id)}")


def copy(token: str, text: str, words: str) -> None:
    """Puts the text into the clipboard, and says these words."""
    _call("copy", token, text, words)


def _call(function: str, token: str, *values: str) -> None:
    # "<" would let a text end the script.
    told = json.dumps([f"{function} {token}", *values]).replace("<", "\\u003c")
    with st.container(key=f"do-{function}"):
        st.html(f"<script>window.studio?.{function}(...{told})</script>", unsafe_allow_javascript=True)
