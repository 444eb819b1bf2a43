"""The view Concepts of Explore."""
