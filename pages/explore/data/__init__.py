"""The view Data: what is in the data set."""
