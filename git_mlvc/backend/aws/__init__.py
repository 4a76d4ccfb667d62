"""Who we are to S3: the keys that AWS's own programs would use."""
