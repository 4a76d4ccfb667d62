"""What the `lfs` driver is made of: the batch API, the catalogue on a ref, whole objects kept for a while."""
