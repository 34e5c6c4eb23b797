"""Training from photographs that all lie in the memory of one device."""
