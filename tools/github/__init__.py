"""The process on GitHub: a bot in Actions, a thin shell over `tools.process`.

`port` says what the bot asks of GitHub; `client` asks it of the real one.
"""
