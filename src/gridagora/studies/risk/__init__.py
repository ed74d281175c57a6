"""What many worlds say of designs: means, differences, tails, events, and which draws make the bad worlds."""
