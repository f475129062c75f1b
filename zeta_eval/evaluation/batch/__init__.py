"""Many queries at once: what a policy expects of them and which size it chooses, as arrays."""
