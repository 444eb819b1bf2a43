"""The four views of Compare, by name: an opened picture leads back to the first of them."""

VIEWS = ("This case", "Seven diagnoses", "The whole test part", "Two visits")
