"""The view Results: what the model makes of it."""
