"""A day of `serve` in minutes: the real process, in a time that passes faster, while services fail."""
