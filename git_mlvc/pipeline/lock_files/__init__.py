"""`mlvc.lock`: what each stage made last, merged without conflict."""
