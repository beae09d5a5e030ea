"""Molecules: judged, varied, and searched for."""
