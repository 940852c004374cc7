"""The studio: a Streamlit page over the API, by way of the client package."""
