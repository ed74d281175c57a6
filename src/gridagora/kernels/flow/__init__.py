"""Power flow."""
