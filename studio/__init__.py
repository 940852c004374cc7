"""The studio: a Streamlit page over the API, and the small client that it and other programs use."""
