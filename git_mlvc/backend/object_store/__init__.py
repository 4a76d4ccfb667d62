"""What S3, Google and Azure have in common: the eight verbs over the library obstore, its traps mended."""
