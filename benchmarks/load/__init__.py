"""What the benchmarks of serving share: a scripted upstream, a load client, and servers under test."""
