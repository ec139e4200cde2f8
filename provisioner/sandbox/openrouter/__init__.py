"""The sandbox's OpenRouter: keys with limits, and a model that refuses a key which has reached its own."""
