"""What custom models are written against: see docs/models.md, "Bring your own predict"."""
