"""The view Quality: whether the data set can be trusted."""
