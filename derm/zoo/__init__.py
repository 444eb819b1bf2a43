"""The systems that the paper compares itself with, by name, trained and measured under one protocol."""
