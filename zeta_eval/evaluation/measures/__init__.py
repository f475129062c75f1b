"""Figures of merit with their errors: metrics, intervals, calibration and the certificate."""
