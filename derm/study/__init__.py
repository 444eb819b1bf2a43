"""Reader studies: whether clinicians do better with Derm's answer than without."""
