"""What `mlvc.toml` says: stages as they are written, and edits of them."""
