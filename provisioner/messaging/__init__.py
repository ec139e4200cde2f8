"""How a customer comes to talk to their Moltbot: platforms, ways to a bot, and what customers are told."""
