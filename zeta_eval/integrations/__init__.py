"""Gateways that people run already, choosing by a policy; and policies in the formats of others."""
