"""Speed and honesty of the engine, measured."""
