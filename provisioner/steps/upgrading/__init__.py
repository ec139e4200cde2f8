"""Another version of the assistant's software on a customer's server, and the way back."""
