"""What one design did, and the metrics that read it."""
