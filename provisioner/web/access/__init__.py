"""Who may see the pages: operators, their passwords and links, and who is signed in."""
