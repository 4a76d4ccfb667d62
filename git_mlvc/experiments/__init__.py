"""Use cases on experiments: running them, recording them as commits, finding, comparing and passing them on."""
