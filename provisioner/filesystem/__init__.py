"""Files written whole and durably, and locks that end with the process that holds them."""
