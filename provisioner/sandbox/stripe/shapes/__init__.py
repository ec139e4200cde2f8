"""New objects in the shapes of API version 2026-10-28.endive, before anything has happened to them."""
