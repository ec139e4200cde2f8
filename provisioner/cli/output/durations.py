"""Durations for people."""

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def took(seconds: float) -> str:
    """How long something took: "0.4 s", "12 s", "3 min 05 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def age(seconds: float) -> str:
    """How long something has been going on, roughly: "40 s", "5 min", "30 h", "3 d"."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
