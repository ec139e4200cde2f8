"""The sandbox's DigitalOcean API v2: the published shapes and rules, with machines of ours behind them.

Where the specification is silent, each module says what it does and that it is our choice.
"""
