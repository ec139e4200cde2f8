"""The parts of a customer's record, as typed models."""
