"""Bonuses: who may have which tokens as a gift, and how often. Pure, like the rest of the core."""
