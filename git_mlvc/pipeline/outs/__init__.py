"""What stages make: recorded, restored, set aside while they run, never lost."""
