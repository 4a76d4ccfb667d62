"""Data files as a person sees them: stubs and contents, tracking, and whose data moves where."""
