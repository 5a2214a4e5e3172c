"""AWS: a later version has it."""
