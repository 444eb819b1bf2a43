"""Every sentence that people read, in their language: catalogues of gettext, plurals, numbers and dates by locale.

The English sentence is the key. See docs/languages.md.
"""
