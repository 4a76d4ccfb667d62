"""Git's byte stream: the filter that git starts for `git add` and checkout."""
