"""The four views of Compare, by name: an opened picture leads back to the first of them."""

from derm.language.speech import mark

VIEWS = (mark("This case"), mark("Seven diagnoses"), mark("The whole test part"), mark("Two visits"))
