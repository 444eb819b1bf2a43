"""Parts of the page Explore: a folder for each of its three views, and what they share."""
