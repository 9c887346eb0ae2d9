"""The pure core: whatever decides is here, as functions of their arguments, without I/O, clock or framework."""
