"""Who paid what for whom, and how to settle it."""
