"""Parts of the page Monitor."""
