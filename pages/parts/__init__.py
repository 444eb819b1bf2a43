"""What all pages share: the top of each, and the visitor's session."""
