"""A case as documents that a clinic can file: a page to print, DICOM objects, an archive of all of them."""
