"""Policies on stored outcomes: replay and comparison, with intervals and a verdict; no model is loaded."""
