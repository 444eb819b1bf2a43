"""A practice's records: patients, lesions, visits, pictures, answers, opinions, corrections, histology, events."""
