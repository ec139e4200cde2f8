"""Backups of customers' assistants: taken on their servers, kept in the workspace, brought back."""
