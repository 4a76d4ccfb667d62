"""What `git mlvc plots` is asked, and its answers: as text, page, files and JSON."""
