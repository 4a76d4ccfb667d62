"""Commands of stages as processes: their environment, output, logs and end."""
