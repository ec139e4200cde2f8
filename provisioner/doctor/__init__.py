"""What `doctor` checks, one module for each area; read only."""
