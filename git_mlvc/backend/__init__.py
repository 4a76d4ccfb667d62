"""Seven verbs on named bytes; one driver per kind of place, wrappers around any of them."""
